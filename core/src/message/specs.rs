//! `V0MachineSpecsUpdate`: what a miner's machine is made of.

use alloc::string::String;

use super::JsonMap;
use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};

/// The specification of a miner's machine: the reference's `V0MachineSpecsUpdate`.
///
/// The facilitator answers none of these when it can read them. It crashes on a `batch_id` that is no UUID, and on specs
/// of a miner that it knows without `cpu` (with an integer `count`), `ram` and `hard_disk`.
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

/// The `message_type`.
pub(super) const TAG: &str = "V0MachineSpecsUpdate";

impl V0MachineSpecsUpdate {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let (
            [
                message_type,
                miner_hotkey,
                validator_hotkey,
                specs,
                batch_id,
            ],
            rest,
        ) = r.model(
            value,
            &[
                "message_type",
                "miner_hotkey",
                "validator_hotkey",
                "specs",
                "batch_id",
            ],
        )?;
        let message_type = r.constant(message_type, TAG, "'V0MachineSpecsUpdate'");
        let miner_hotkey = r.required(miner_hotkey, Reader::string);
        let validator_hotkey = r.required(validator_hotkey, Reader::string);
        let specs = r.required(specs, Reader::json_map);
        let batch_id = r.required(batch_id, Reader::string);
        r.forbid(&rest);
        message_type?;
        Ok(Self {
            miner_hotkey: miner_hotkey?,
            validator_hotkey: validator_hotkey?,
            specs: specs?,
            batch_id: batch_id?,
        })
    }
}

impl Encode for V0MachineSpecsUpdate {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("message_type", TAG);
            w.field("miner_hotkey", &self.miner_hotkey);
            w.field("validator_hotkey", &self.validator_hotkey);
            w.field("specs", &self.specs);
            w.field("batch_id", &self.batch_id);
        });
    }
}
