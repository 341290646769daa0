//! The executor: reads its few flags, boots, exits with the state's code.

fn main() {}
