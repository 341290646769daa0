//! The builder: dispatches to `cli`.

fn main() {}
