//! An application that takes nothing.
