//! The jobs that have not ended, the oldest first.

use facilitator_tokio::core::client::JobOverview;
use facilitator_tokio::core::message::JobStatus;

use super::super::clock::millis;
use super::Material;
use super::html::Html;

/// Jobs that are shown; of the others, their number.
const SHOWN: usize = 100;

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let mut jobs: Vec<&JobOverview> = material.overview.jobs.iter().collect();
    jobs.sort_unstable_by_key(|job| (job.taken_up, job.uuid));
    if jobs.is_empty() {
        html.raw("<p class=\"none\">No job is open.</p>");
        return;
    }
    html.raw("<div class=\"wide\"><table><thead><tr><th>Job</th><th>Statuses</th><th>Age</th><th>Time left</th></tr></thead><tbody>");
    for job in jobs.iter().take(SHOWN) {
        html.raw("<tr><td class=\"id\">")
            .text(job.uuid)
            .raw("</td><td>");
        for status in JobStatus::ALL {
            let class = if job.underway.contains(status) {
                "underway"
            } else if job.delivered.contains(status) {
                "delivered"
            } else {
                continue;
            };
            html.raw("<span class=\"status ").text(class).raw("\">");
            html.text(status).raw("</span> ");
        }
        html.raw("</td><td>")
            .since(millis(job.taken_up.as_duration()));
        html.raw("</td><td>")
            .until(millis(job.deadline.as_duration()));
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
    if jobs.len() > SHOWN {
        html.raw("<p class=\"none\">And ")
            .text(jobs.len() - SHOWN)
            .raw(" more.</p>");
    }
    html.raw("<p class=\"legend\"><span class=\"status delivered\">the facilitator has it</span> <span class=\"status underway\">on its way</span></p>");
}
