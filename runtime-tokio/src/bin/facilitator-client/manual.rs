//! The commands `completions` and `man`: what shells complete, and the manual. Both are made from the arguments as they
//! are, so that they are never out of date.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::failure::Failure;

/// The arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
WHERE TO: shells look for them in certain places.
  bash: facilitator-client completions bash > ~/.local/share/bash-completion/completions/facilitator-client
  zsh:  facilitator-client completions zsh > FOLDER/_facilitator-client, where FOLDER is one of $fpath
  fish: facilitator-client completions fish > ~/.config/fish/completions/facilitator-client.fish")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Pages {
    /// Write a page for each command into this folder, as facilitator-client-COMMAND.1, instead of printing the first.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(crate) fn complete(completions: &Completions, mut command: Command) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut command, &name, &mut script);
    if completions.shell != Shell::Bash {
        return print(&script);
    }
    // clap_complete up to 4.6.11 at least spells a program's hyphen in two ways, and nothing is completed after a
    // command (clap-rs/clap, issue 6421).
    let script = String::from_utf8_lossy(&script);
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    print(script.replace(&wrong, &right).as_bytes())
}

/// Prints the first page of the manual, or writes all.
pub(crate) fn write(pages: &Pages, command: Command) -> Result<(), Failure> {
    let Some(folder) = &pages.to else {
        let first = page(&command.disable_help_subcommand(true));
        return print(&first.map_err(|error| cannot_print(&error))?);
    };
    let mut command = command.disable_help_subcommand(true);
    // Every command gets its full name, `facilitator-client-key-show`, and the global flags.
    command.build();
    write_all(folder, &command)
        .map_err(|error| Failure::failed(format!("{} cannot be filled: {error}", folder.display())))
}

fn write_all(folder: &Path, command: &Command) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    let parts = command.get_subcommands().filter(|part| !part.is_hide_set());
    for part in parts {
        write_all(folder, part)?;
    }
    Ok(())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let program = concat!("facilitator-client ", env!("CARGO_PKG_VERSION"));
    // Short enough for the title to have room beside it.
    let man = Man::new(command.clone())
        .source(program)
        .manual("ComputeHorde");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_long_help().is_some() {
        let mut notes = Vec::new();
        man.render_extra_section(&mut notes)?;
        // Its lines are broken as they are meant to be.
        let notes = String::from_utf8_lossy(&notes).replacen(".SH EXTRA", ".SH NOTES\n.nf", 1);
        page.extend_from_slice(notes.as_bytes());
        page.extend_from_slice(b".fi\n");
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text)
        .and_then(|()| stdout.flush())
        .map_err(|error| cannot_print(&error))
}

fn cannot_print(error: &io::Error) -> Failure {
    Failure::failed(format!("stdout cannot be written: {error}"))
}
