//! SIGHUP: the configuration is read again. Whom to trust and what the log shows are taken from it, as one: if anything
//! in it is wrong, everything stays as it was. The rest needs a restart, and the log says so; of secrets, too, by the
//! names of their keys.

use std::sync::Arc;

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Signatories, TrustPolicy};
use tracing::{Level, error, info, warn};

use crate::config::{Flags, Loaded, Log, Marks};
use crate::failure::Failure;
use crate::hotkey_file;
use crate::logging::Logging;
use crate::service::Service;
use crate::signals::Hangups;

/// The keys that need no restart: the log's filter, and whatever begins so.
const TRUST: &str = "trust.";
const FILTER: &str = "log.filter";

/// Where a configuration comes from, and what it was at the start.
pub(crate) struct Source {
    flags: Flags,
    verbose: u8,
    begun_with: Loaded,
    /// What the files held that it names.
    marks: Marks,
}

/// What changes without a restart.
struct News {
    trust: TrustPolicy,
    log: Log,
    /// Keys with other values than at the start, that need one.
    later: Vec<&'static str>,
}

impl Source {
    /// `marks` were made before the files were used, so that no change of them is overlooked.
    pub(super) const fn new(flags: Flags, verbose: u8, begun_with: Loaded, marks: Marks) -> Self {
        Self {
            flags,
            verbose,
            begun_with,
            marks,
        }
    }

    fn read(&self) -> Result<News, Failure> {
        let loaded = Loaded::new(&self.flags, self.verbose)?;
        let (settings, _) = loaded.check()?;
        // The next start would fail. A pipe was read at this one, and gives nothing more.
        if let Some(hotkey) = settings.hotkey.as_deref().filter(|path| path.is_file()) {
            hotkey_file::read(hotkey)?;
        }
        let mut later = self.begun_with.changes(&self.marks, &loaded);
        later.retain(|path| *path != FILTER && !path.starts_with(TRUST));
        Ok(News {
            trust: settings.config.trust,
            log: settings.log,
            later,
        })
    }
}

/// Reads the configuration again whenever it is asked for, until the end of the program.
pub(super) async fn reload(
    source: Source,
    mut hangups: Hangups,
    client: FacilitatorClient,
    logging: Logging,
    service: Service,
) {
    let source = Arc::new(source);
    loop {
        hangups.next().await;
        service.reloading();
        let read = {
            let source = Arc::clone(&source);
            // A file can be at the other end of a slow network.
            tokio::task::spawn_blocking(move || source.read()).await
        };
        match read {
            Ok(Ok(news)) => take(news, &client, &logging),
            Ok(Err(error)) => {
                error!(error = ?error.to_string(), "SIGHUP: the configuration is wrong; everything stays as it was");
            }
            Err(error) => error!(%error, "SIGHUP: the configuration was not read"),
        }
        service.ready();
    }
}

fn take(news: News, client: &FacilitatorClient, logging: &Logging) {
    let trusted = match &news.trust.signatories {
        Signatories::OwnAnd(accounts) => format!("the own hotkey and {} accounts", accounts.len()),
        Signatories::Anyone => "anyone".to_owned(),
        _ => "unverified".to_owned(),
    };
    let filter = &news.log.filter;
    let told = |when: bool| {
        if when {
            info!(
                trusted,
                filter, "SIGHUP: trust and log are as configured now"
            );
        }
    };
    client.set_trust(news.trust);
    // Where one of the two filters shows it, it is seen.
    let is_shown = tracing::enabled!(Level::INFO);
    told(is_shown);
    if let Err(error) = logging.show(&news.log) {
        error!(error, "SIGHUP: the log's filter stays as it was");
    }
    told(!is_shown);
    if !news.later.is_empty() {
        let keys = news.later.join(", ");
        warn!(
            keys,
            "SIGHUP: these keys have changed too, and need a restart"
        );
    }
}
