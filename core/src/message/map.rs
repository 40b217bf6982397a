//! Maps that keep the order of the wire. Only the container: no JSON.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::json::Json;

/// A map of strings that keeps its wire order: `env`, `form_fields`, `artifacts` and their like.
pub type StringMap = OrderedMap<String>;

/// A map of opaque JSON values that keeps its wire order: `specs`, `context`, unknown keys.
pub type JsonMap = OrderedMap<Json>;

/// A small map from strings to `V` that keeps the order in which its keys were first inserted.
///
/// It behaves as the reference's `dict` does: the value of a repeated key replaces the earlier one and stays at
/// the first one's place. Order is part of the value, because it is part of what a job request's signature covers:
/// two maps are equal only when their order is.
///
/// Look-up walks the entries: these maps are small and are read once. `Debug` shows keys and never values.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderedMap<V> {
    entries: Vec<(String, V)>,
}

impl<V> OrderedMap<V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key` to `value` and returns the value it had: an old key keeps its place, a new one goes last.
    pub fn insert(&mut self, key: impl Into<String>, value: V) -> Option<V> {
        let key = key.into();
        match self.entries.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => Some(core::mem::replace(old, value)),
            None => {
                self.entries.push((key, value));
                None
            }
        }
    }

    /// Takes `key` out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let place = self.entries.iter().position(|(k, _)| k == key)?;
        Some(self.entries.remove(place).1)
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> + Clone {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.entries.iter().map(|(k, _)| k.as_str())
    }

    /// The values, in order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.entries.iter().map(|(_, v)| v)
    }

    /// Entries as a reader found them, repeated keys included.
    pub(super) fn from_entries(entries: Vec<(String, V)>) -> Self {
        // Most maps hold a handful of keys, where comparing each with each beats building an index.
        const INDEX_ABOVE: usize = 16;
        let repeated = if entries.len() > INDEX_ABOVE {
            let mut keys: Vec<&str> = entries.iter().map(|(k, _)| k.as_str()).collect();
            keys.sort_unstable();
            keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
        } else {
            let mut rest = entries.as_slice();
            core::iter::from_fn(|| {
                let ((key, _), tail) = rest.split_first()?;
                rest = tail;
                Some(tail.iter().any(|(k, _)| k == key))
            })
            .any(|again| again)
        };
        if !repeated {
            return Self { entries };
        }
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut unique: Vec<(String, V)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match places.get(&key).and_then(|&place| unique.get_mut(place)) {
                Some(entry) => entry.1 = value,
                None => {
                    places.insert(key.clone(), unique.len());
                    unique.push((key, value));
                }
            }
        }
        Self { entries: unique }
    }
}

impl<V> Default for OrderedMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for OrderedMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl<K: Into<String>, V> FromIterator<(K, V)> for OrderedMap<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::from_entries(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }
}

impl<K: Into<String>, V, const N: usize> From<[(K, V); N]> for OrderedMap<V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<V> IntoIterator for OrderedMap<V> {
    type Item = (String, V);
    type IntoIter = alloc::vec::IntoIter<(String, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
