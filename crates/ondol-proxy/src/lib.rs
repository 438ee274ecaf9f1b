//! The data plane: listen, route, balance, call.
