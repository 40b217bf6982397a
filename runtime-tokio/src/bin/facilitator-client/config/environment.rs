//! The environment: `FACILITATOR_` and the name of a flag, and the two variables of the reference. A misspelt one is an
//! error.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::given::Given;
use super::key::Key;
use super::keys;
use super::kinds::Shape;
use super::mistake::Mistake;
use super::nearest::nearest;
use super::origin::Origin;
use super::settings::Settings;

/// How our variables begin.
pub(crate) const PREFIX: &str = "FACILITATOR_";
/// Names the configuration file.
pub(crate) const CONFIG: &str = "FACILITATOR_CONFIG";

/// Tells a worker its job. It configures nothing, but a worker can call this program.
pub(crate) const JOB: &str = "FACILITATOR_JOB";

/// Takes every variable.
pub(crate) fn apply(
    variables: &BTreeMap<OsString, OsString>,
    settings: &mut Settings,
    origins: &mut BTreeMap<&'static str, Origin>,
) -> Result<(), Mistake> {
    check_names(variables)?;
    keys::SECTIONS
        .iter()
        .try_for_each(|section| apply_section(section.name, variables, settings, origins))
}

/// Takes the variables of one section.
pub(crate) fn apply_section(
    section: &str,
    variables: &BTreeMap<OsString, OsString>,
    settings: &mut Settings,
    origins: &mut BTreeMap<&'static str, Origin>,
) -> Result<(), Mistake> {
    let sections = keys::SECTIONS.iter().filter(|known| known.name == section);
    for key in sections.flat_map(|section| section.keys) {
        let own = key.variable();
        for name in key.also.iter().copied().chain([own.as_str()]) {
            if let Some(value) = variables.get(OsStr::new(name)) {
                let origin = Origin::Variable(name.to_owned());
                set(key, value, &origin, settings)?;
                origins.insert(key.path, origin);
            }
        }
    }
    Ok(())
}

fn set(
    key: &Key,
    value: &OsString,
    origin: &Origin,
    settings: &mut Settings,
) -> Result<(), Mistake> {
    // Whether an empty variable means nothing or the empty value, nobody can know; an empty list is one.
    let is_ours = matches!(origin, Origin::Variable(name) if name.starts_with(PREFIX));
    if is_ours && value.is_empty() && key.setting.shape() != Shape::Repeated {
        return Err(Mistake::of(
            key,
            origin,
            "the variable is empty; give it a value, or unset it",
        ));
    }
    let given = Given::Words(std::slice::from_ref(value));
    let result = key.setting.set(settings, &given);
    result.map_err(|wrong| Mistake::value(key, origin, &wrong))
}

/// That each variable with our prefix is known. All that are not are named.
fn check_names(variables: &BTreeMap<OsString, OsString>) -> Result<(), Mistake> {
    let mut known: Vec<String> = super::variables().collect();
    known.push(JOB.to_owned());
    let strangers: Vec<String> = variables
        .keys()
        .map(|name| name.to_string_lossy())
        .filter(|name| name.starts_with(PREFIX) && !known.iter().any(|known| known == name))
        .filter(|name| !is_service_link(name))
        .map(|name| {
            let name: String = name.chars().take(64).collect();
            // What all begin with would make them all near.
            let own = name.strip_prefix(PREFIX).unwrap_or(&name);
            let known = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
            match nearest(own, known).map(|near| format!("{PREFIX}{near}")) {
                Some(near) => format!("{name} (did you mean {near}?)"),
                None => name,
            }
        })
        .collect();
    if strangers.is_empty() {
        return Ok(());
    }
    let strangers = strangers.join(", ");
    Err(Mistake::new(format!(
        "unknown environment variables: {strangers}; unset them; `help connect` shows all that there are"
    )))
}

/// What a container platform sets by itself where a service is called `facilitator` or `facilitator-..`:
/// `FACILITATOR_SERVICE_HOST`, `FACILITATOR_PORT_80_TCP_ADDR` and so on.
fn is_service_link(name: &str) -> bool {
    let parts: Vec<&str> = name.split('_').skip(1).collect();
    let service = parts
        .windows(2)
        .any(|pair| matches!(pair, ["SERVICE", "HOST" | "PORT"]));
    let port = parts
        .iter()
        .position(|part| *part == "PORT")
        .and_then(|at| parts.get(at + 1..));
    let link = match port {
        Some([]) => true,
        Some([number, protocol, ..]) => {
            number.parse::<u16>().is_ok() && matches!(*protocol, "TCP" | "UDP" | "SCTP")
        }
        _ => false,
    };
    service || link
}

#[cfg(test)]
mod tests {
    use super::is_service_link;

    #[test]
    fn what_a_container_platform_sets_is_no_mistake() {
        for name in [
            "FACILITATOR_SERVICE_HOST",
            "FACILITATOR_SERVICE_PORT",
            "FACILITATOR_SERVICE_PORT_HTTP",
            "FACILITATOR_PORT",
            "FACILITATOR_PORT_80_TCP",
            "FACILITATOR_PORT_80_TCP_ADDR",
            "FACILITATOR_DEV_SERVICE_HOST",
        ] {
            assert!(is_service_link(name), "{name}");
        }
        for name in [
            "FACILITATOR_DRAIN_TIMEOT",
            "FACILITATOR_PORT_NAME",
            "FACILITATOR_SERVICE",
        ] {
            assert!(!is_service_link(name), "{name}");
        }
    }
}
