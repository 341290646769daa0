//! Inventories as data: what is read, and what is refused with its place.
