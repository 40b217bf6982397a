//! The facilitator client on async-std and smol.
