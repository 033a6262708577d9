"""Entry point of the Python runtimes inside a sandbox."""

# This file is compiled anew at each start; all code is in the package, whose byte code is cached.
from lambent_runtime.main import main

main()
