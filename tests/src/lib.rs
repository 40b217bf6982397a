//! What the suites share: vectors, a virtual world, checks.
