//! Performs actions on this machine: processes, sandboxes, packages; and the shim.
