"""What goes wrong in a way the user can mend."""


class InputError(ValueError):
    """The input is not usable: the message says what was wrong, with which input, and what to do."""


class SurrogateWarning(UserWarning):
    """A surrogate derivative breaks a hypothesis of the theorems about surrogate-gradient kernels."""


class Uncompiled(InputError):
    """A formula has no compiled form: the kernel has to be evaluated numerically."""


class Undefined(InputError):
    """The mathematics has no (finite) value at this input, for example 0/0 or a divergent expectation."""
