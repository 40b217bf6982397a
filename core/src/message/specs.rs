//! `V0MachineSpecsUpdate`: what a miner's machine is made of.

use alloc::string::String;

use super::JsonMap;

/// The specification of a miner's machine: the reference's `V0MachineSpecsUpdate`.
///
/// The facilitator answers none of these when it can read them, and crashes on a `batch_id` that is no UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V0MachineSpecsUpdate {
    /// The miner's SS58 address.
    pub miner_hotkey: String,
    /// The validator's own SS58 address.
    pub validator_hotkey: String,
    /// The specification as the miner gave it.
    pub specs: JsonMap,
    /// The scrape that it belongs to, a UUID.
    pub batch_id: String,
}
