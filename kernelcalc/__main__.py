"""python -m kernelcalc: the command line."""

from kernelcalc.cli import main

if __name__ == "__main__":
    main()
