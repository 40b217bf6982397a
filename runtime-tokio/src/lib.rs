//! The facilitator client on tokio.
