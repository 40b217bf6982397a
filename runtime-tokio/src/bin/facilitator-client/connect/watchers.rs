//! Who sees every event of a session and changes nothing: the log, the status page, the service manager, the webhook.

use facilitator_tokio::core::client::Event;
use tokio::time::Instant;

use super::log::EventLog;
use crate::monitor::Monitor;
use crate::service::Service;
use crate::webhook::Webhook;

/// All of them.
pub(super) struct Watchers {
    log: EventLog,
    monitor: Option<Monitor>,
    service: Service,
    webhook: Option<Webhook>,
}

impl Watchers {
    pub(super) fn new(
        monitor: Option<Monitor>,
        service: Service,
        webhook: Option<Webhook>,
    ) -> Self {
        Self {
            log: EventLog::default(),
            monitor,
            service,
            webhook,
        }
    }

    /// Shows them an event that has come now.
    pub(super) fn observe(&mut self, event: &Event) {
        self.log.tell(event, Instant::now());
        if let Some(monitor) = &self.monitor {
            monitor.observe(event);
        }
        if let Event::Phase(change) = event {
            self.service.tell_phase(change.phase);
            if let Some(webhook) = &self.webhook {
                webhook.phase(change.phase);
            }
        }
    }
}
