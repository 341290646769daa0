//! How a boot ends before its last stage: the state, a sentence, and what to do about it.

use crate::plan::status::State;
use std::fmt;

/// A boot that goes no further. Not always an error: a login node stops at the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The state, and with it the exit code.
    pub state: State,
    /// One sentence for a person, without secrets.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What Slurm is told where the state is `failed` or `refused`, without secrets.
    pub reason: Option<String>,
}

impl Stop {
    /// A stop in `state`.
    pub fn new(state: State, message: impl Into<String>) -> Stop {
        Stop { state, message: message.into(), hint: None, reason: None }
    }

    /// The bundle or the export can't be trusted or understood.
    pub fn refused(message: impl Into<String>) -> Stop {
        Stop::new(State::Refused, message)
    }

    /// Something is out of reach; a later try may do.
    pub fn unreachable(message: impl Into<String>) -> Stop {
        Stop::new(State::Unreachable, message)
    }

    /// The control node has not got that far yet.
    pub fn unconfigured(message: impl Into<String>) -> Stop {
        Stop::new(State::Unconfigured, message)
    }

    /// This machine could not do what it should.
    pub fn failed(message: impl Into<String>) -> Stop {
        Stop::new(State::Failed, message)
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Stop {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what Slurm is told.
    pub fn reason(mut self, reason: impl Into<String>) -> Stop {
        self.reason = Some(reason.into());
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.state, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Stop {}
