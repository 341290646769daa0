# The shipped roles, applied to /sysroot before it is started and then booted, against one boot that does everything.
tests/oracle/early --binaries "$bin"
