//! The index of an export's generation: what a node reads first, and believes only when it is signed. Types only.
