//! Cases of the module's run side, against a stand-in for the node.

