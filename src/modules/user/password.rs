//! A user's password hash: handed to `chpasswd -e` on its standard input, because every user of the node can read
//! argument lists (useradd and usermod would take it there, with `-p`).

use super::super::Failure;
use super::super::exec::{self, Ran};
use super::{Wanted, create};
use crate::sys::command::Command;

impl Wanted<'_> {
    /// Sets the hash, locked where the task wants it so; appends what the command said to `ran`.
    pub(super) fn set_password(&self, ran: &mut Ran, hash: &str) -> Result<(), Failure> {
        let program = exec::program(self.ctx, "chpasswd")?;
        if self.ctx.check {
            return Ok(());
        }
        let lock = if self.password_lock == Some(true) { "!" } else { "" };
        let command = Command {
            argv: vec![program, "-e".into()],
            stdin: format!("{}:{lock}{hash}\n", self.name).into_bytes(),
            secret: true,
            ..Command::default()
        };
        create::append(ran, exec::run(self.ctx, command)?);
        Ok(())
    }

    /// Refuses a hash that would break the line that it becomes a part of, before anything is done.
    pub(super) fn demand_one_line(&self) -> Result<(), Failure> {
        let breaks = |text: &str| text.contains(|c: char| c == ':' || c.is_control());
        let broken = self.password.as_deref().is_some_and(breaks);
        if broken || (self.password.is_some() && breaks(&self.name)) {
            return Err(Failure::new("a password hash, or the name it is for, holds a colon or a control character"));
        }
        Ok(())
    }
}
