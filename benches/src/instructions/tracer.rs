//! The parent: lets a [child](super::child) run up to each bracket, and step by step through it.

use std::collections::HashMap;
use std::ffi::{OsStr, c_void};
use std::io::Read;
use std::mem::offset_of;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::libc::{self, user, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::marker::{Mark, Why};
use super::{Count, Error, child};
use crate::lab::operations::Action;

const INT3: u64 = 0xcc;
const RIP: usize = offset_of!(user, regs) + offset_of!(user_regs_struct, rip);

/// A child that is killed where this goes before it has ended.
pub(super) struct Tracer {
    child: Child,
    /// Whether it has ended, and been waited for.
    ended: bool,
    /// The functions that copy or fill memory: what they do is not counted, however long it takes.
    copying: [u64; 3],
    /// Of each address behind an instruction whether that was the end of a bracket.
    ends: HashMap<u64, bool>,
    /// What it has printed in the end.
    said: String,
}

/// How a child goes on.
#[derive(Clone, Copy)]
enum How {
    /// By one instruction.
    Step,
    /// To the next trap.
    Run,
}

/// What a child came to.
enum Stop {
    /// An `int3`, or the end of a step.
    Trap,
    /// It has ended, of itself, with success.
    Ended,
}

impl Tracer {
    /// Starts `program` as a child, and waits for its first bracket.
    pub(super) fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| Error::Failed(format!("{}: {error}", program.display())))?;
        let mut tracer = Self { child, ended: false, copying: [0; 3], ends: HashMap::new(), said: String::new() };
        // It runs by itself until it asks to be traced, right before that bracket.
        let stop = match tracer.wait()? {
            Ok(stop) => stop,
            Err(_) => tracer.resume(How::Run)?,
        };
        if let Stop::Ended = stop {
            return Err(Error::Failed("the child has ended before its first bracket".to_owned()));
        }
        ptrace::setoptions(tracer.pid(), ptrace::Options::PTRACE_O_EXITKILL).map_err(failed("PTRACE_SETOPTIONS"))?;
        let registers = tracer.registers()?;
        if Mark::numbered(registers.rax) != Some(Mark::Empty) {
            return Err(Error::Failed("the child does not begin with an empty bracket".to_owned()));
        }
        tracer.copying = [registers.rsi, registers.rdx, registers.rcx];
        match tracer.count()? {
            Count { instructions: 0, copied: 0 } => Ok(tracer),
            count => Err(Error::Failed(format!("an empty bracket takes {count:?}"))),
        }
    }

    /// Lets the child run into its next bracket and through it: what was called, and what that took; or `None` where the
    /// child has ended.
    pub(super) fn next(&mut self) -> Result<Option<(Action, Why, Count)>, Error> {
        if let Stop::Ended = self.resume(How::Run)? {
            return Ok(None);
        }
        let Some(Mark::Call(action, why)) = Mark::numbered(self.registers()?.rax) else {
            return Err(Error::Failed("a trap that is no bracket".to_owned()));
        };
        Ok(Some((action, why, self.count()?)))
    }

    /// How many requests were refused, which a child says in the end.
    pub(super) fn refused(&self) -> Result<u64, Error> {
        self.said.parse().map_err(|_| Error::Failed(format!("the child says \"{}\" in the end", self.said)))
    }

    /// From the beginning of a bracket to its end.
    fn count(&mut self) -> Result<Count, Error> {
        let mut count = Count::default();
        loop {
            if let Stop::Ended = self.resume(How::Step)? {
                return Err(Error::Failed("the child has ended within a bracket".to_owned()));
            }
            let rip = ptrace::read_user(self.pid(), RIP as *mut c_void).map_err(failed("PTRACE_PEEKUSER"))? as u64;
            if self.is_end(rip)? {
                return Ok(count);
            }
            count.instructions += 1;
            if self.copying.contains(&rip) {
                count.copied += self.leave_function()?;
            }
        }
    }

    /// Whether the child has just passed the end of a bracket, from its address.
    ///
    /// An address behind the end of a bracket cannot be come to in the same bracket by anything but that.
    fn is_end(&mut self, rip: u64) -> Result<bool, Error> {
        if let Some(&is_end) = self.ends.get(&rip) {
            return Ok(is_end);
        }
        let info = ptrace::getsiginfo(self.pid()).map_err(failed("PTRACE_GETSIGINFO"))?;
        let is_end = info.si_code == libc::SI_KERNEL;
        self.ends.insert(rip, is_end);
        Ok(is_end)
    }

    /// At the first instruction of a function that copies or fills: lets it run. The number of bytes that it copied
    /// or filled.
    fn leave_function(&mut self) -> Result<u64, Error> {
        let registers = self.registers()?;
        let returned = self.read(registers.rsp)?;
        let code = self.read(returned)?;
        self.write(returned, code & !0xff | INT3)?;
        if let Stop::Ended = self.resume(How::Run)? {
            return Err(Error::Failed("the child has ended while it copied".to_owned()));
        }
        self.write(returned, code)?;
        let mut behind = self.registers()?;
        if behind.rip != returned + 1 {
            return Err(Error::Failed("a function that copies has not returned".to_owned()));
        }
        behind.rip = returned;
        ptrace::setregs(self.pid(), behind).map_err(failed("PTRACE_SETREGS"))?;
        Ok(registers.rdx)
    }

    fn registers(&self) -> Result<user_regs_struct, Error> {
        ptrace::getregs(self.pid()).map_err(failed("PTRACE_GETREGS"))
    }

    fn read(&self, address: u64) -> Result<u64, Error> {
        ptrace::read(self.pid(), address as *mut c_void).map(|word| word as u64).map_err(failed("PTRACE_PEEKDATA"))
    }

    fn write(&self, address: u64, word: u64) -> Result<(), Error> {
        ptrace::write(self.pid(), address as *mut c_void, word as i64).map_err(failed("PTRACE_POKEDATA"))
    }

    /// Lets the child go on until it traps or ends. Other signals are the child's, which may end by them.
    fn resume(&mut self, how: How) -> Result<Stop, Error> {
        let mut signal = None;
        loop {
            match how {
                How::Step => ptrace::step(self.pid(), signal).map_err(failed("PTRACE_SINGLESTEP"))?,
                How::Run => ptrace::cont(self.pid(), signal).map_err(failed("PTRACE_CONT"))?,
            }
            match self.wait()? {
                Ok(stop) => return Ok(stop),
                Err(other) => signal = Some(other),
            }
        }
    }

    /// Waits until the child traps or ends, or is about to get a signal, which is the error.
    fn wait(&mut self) -> Result<Result<Stop, Signal>, Error> {
        match waitpid(self.pid(), None).map_err(failed("waitpid"))? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => Ok(Ok(Stop::Trap)),
            WaitStatus::Stopped(_, signal) => Ok(Err(signal)),
            WaitStatus::Exited(_, code) => {
                self.ended = true;
                self.exited(code).map(Ok)
            }
            WaitStatus::Signaled(_, signal, _) => {
                self.ended = true;
                Err(Error::Failed(format!("the child was ended by {signal}")))
            }
            other => Err(Error::Failed(format!("the child is in a state of no use: {other:?}"))),
        }
    }

    fn exited(&mut self, code: i32) -> Result<Stop, Error> {
        if let Some(out) = &mut self.child.stdout {
            // What it could not say is missing in the message.
            let _ = out.read_to_string(&mut self.said);
        }
        self.said.truncate(self.said.trim_end().len());
        match code {
            0 => Ok(Stop::Ended),
            child::TAKES_NO_PART => Err(Error::TakesNoPart(self.said.clone())),
            child::NOT_PERMITTED => Err(Error::NotPermitted(self.said.clone())),
            _ => Err(Error::Failed(format!("the child has ended with code {code}: {}", self.said))),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if !self.ended {
            // One that has ended meanwhile is as good.
            let _ = self.child.kill();
            let _ = waitpid(self.pid(), None);
        }
    }
}

fn failed(call: &'static str) -> impl FnOnce(nix::Error) -> Error {
    move |error| Error::Failed(format!("{call}: {error}"))
}
