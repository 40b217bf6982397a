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
        if let Some((_, old)) = self.entries.iter_mut().find(|(k, _)| *k == key) {
            return Some(core::mem::replace(old, value));
        }
        self.entries.push((key, value));
        None
    }

    /// Takes `key` out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let place = self.entries.iter().position(|(k, _)| k == key)?;
        Some(self.entries.remove(place).1)
    }

    /// Entries whose keys are all different.
    pub(super) const fn from_unique(entries: Vec<(String, V)>) -> Self {
        Self { entries }
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
}

/// The entries of an object, repeated keys included, as a `dict` keeps them: the last value, at the first place.
pub(super) fn unique<K: Ord + Clone, V>(entries: Vec<(K, V)>) -> Vec<(K, V)> {
    if !repeats(&entries) {
        return entries;
    }
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut unique: Vec<(K, V)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if let Some(entry) = places.get(&key).and_then(|&place| unique.get_mut(place)) {
            entry.1 = value;
        } else {
            places.insert(key.clone(), unique.len());
            unique.push((key, value));
        }
    }
    unique
}

fn repeats<K: Ord, V>(entries: &[(K, V)]) -> bool {
    // Most objects hold a handful of keys, where comparing each with each beats sorting.
    const SORT_ABOVE: usize = 16;
    if entries.len() > SORT_ABOVE {
        let mut keys: Vec<&K> = entries.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        return keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    }
    let mut rest = entries;
    while let Some(((key, _), behind)) = rest.split_first() {
        if behind.iter().any(|(other, _)| other == key) {
            return true;
        }
        rest = behind;
    }
    false
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
        Self {
            entries: unique(entries.into_iter().map(|(k, v)| (k.into(), v)).collect()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_as_a_dict() {
        for filler in [0, 40] {
            let more = (0..filler).map(|n| (alloc::format!("k{n}"), n));
            let pairs = [("b", 1), ("a", 2), ("b", 3)].map(|(k, v)| (String::from(k), v));
            let mut map: OrderedMap<i32> = pairs.into_iter().chain(more).collect();
            assert_eq!(
                map.iter().take(2).collect::<Vec<_>>(),
                [("b", &3), ("a", &2)]
            );
            assert_eq!(map.len(), usize::try_from(filler).unwrap() + 2);
            assert_eq!(
                (map.insert("a", 9), map.get("a").copied(), map.remove("b")),
                (Some(2), Some(9), Some(3))
            );
            assert_eq!((map.insert("b", 4), map.keys().last()), (None, Some("b")));
        }
    }

    #[test]
    fn order_counts() {
        assert_ne!(
            OrderedMap::from([("a", 1), ("b", 2)]),
            OrderedMap::from([("b", 2), ("a", 1)])
        );
    }

    #[test]
    fn debug_hides_values() {
        assert_eq!(
            alloc::format!("{:?}", StringMap::from([("TOKEN", String::from("secret"))])),
            "{\"TOKEN\"}"
        );
    }
}
