//! The links of a world: who is connected to whom, over which two wires, and how far each side got. Each side can be
//! gone without the other one knowing. What the sides do about it is decided elsewhere.

use std::collections::VecDeque;

use facilitator_core::client::ConnectRequest;
use facilitator_core::{ConnectionId, Frame};

use super::wire::{Quality, Wire};

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What the client says.
    ToFacilitator,
    /// What the facilitator says.
    ToClient,
}

/// Names one link for ever: a place is used again, a generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkKey {
    place: u32,
    generation: u32,
}

impl LinkKey {
    /// The number that the facilitator knows the link by.
    pub(super) fn at_facilitator(self) -> ConnectionId {
        ConnectionId(u64::from(self.generation) << 32 | u64::from(self.place))
    }

    pub(super) fn from_facilitator(conn: ConnectionId) -> Self {
        // Both halves fit, whatever the number.
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Self {
            generation: half(conn.0 >> 32),
            place: half(conn.0),
        }
    }
}

/// What the facilitator's handler has come to on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    Works,
    /// It crashes with the frame in hand: nothing of what follows from it is sent.
    Crashing,
    /// It has crashed; what comes is not read.
    Crashed,
}

/// One link, from the attempt to the moment when both sides know that it is over.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) client: u32,
    pub(super) host: u32,
    /// The number that the client knows it by.
    pub(super) conn: ConnectionId,
    /// The attempt, until it has succeeded.
    pub(super) request: Option<ConnectRequest>,
    pub(super) quality: Quality,
    pub(super) to_facilitator: Wire,
    pub(super) to_client: Wire,
    pub(super) client_gone: bool,
    pub(super) host_gone: bool,
    pub(super) handler: Handler,
    /// Answers that are late, while they are.
    pub(super) late: Option<VecDeque<Frame>>,
}

impl Link {
    pub(super) fn new(
        client: u32,
        host: u32,
        conn: ConnectionId,
        request: ConnectRequest,
        quality: Quality,
    ) -> Self {
        Self {
            client,
            host,
            conn,
            request: Some(request),
            quality,
            to_facilitator: Wire::default(),
            to_client: Wire::default(),
            client_gone: false,
            host_gone: false,
            handler: Handler::Works,
            late: None,
        }
    }

    pub(super) fn wire(&mut self, direction: Direction) -> &mut Wire {
        match direction {
            Direction::ToFacilitator => &mut self.to_facilitator,
            Direction::ToClient => &mut self.to_client,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.request.is_none()
    }
}

/// All links.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Place {
    generation: u32,
    link: Option<Link>,
}

impl Links {
    pub(super) fn insert(&mut self, link: Link) -> LinkKey {
        if let Some(place) = self.free.pop()
            && let Some(found) = self.places.get_mut(place as usize)
        {
            found.generation += 1;
            found.link = Some(link);
            return LinkKey {
                place,
                generation: found.generation,
            };
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place {
            generation: 1,
            link: Some(link),
        });
        LinkKey {
            place,
            generation: 1,
        }
    }

    pub(super) fn get(&self, key: LinkKey) -> Option<&Link> {
        let place = self.places.get(key.place as usize)?;
        place
            .link
            .as_ref()
            .filter(|_| place.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: LinkKey) -> Option<&mut Link> {
        let place = self.places.get_mut(key.place as usize)?;
        place
            .link
            .as_mut()
            .filter(|_| place.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: LinkKey) {
        if self.get(key).is_some()
            && let Some(place) = self.places.get_mut(key.place as usize)
        {
            place.link = None;
            self.free.push(key.place);
        }
    }

    /// The links that still exist.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.places
            .iter_mut()
            .filter_map(|place| place.link.as_mut())
    }
}
