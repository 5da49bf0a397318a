//! The load generator: `redis-benchmark`, the tool users measure with, so that they can check a figure themselves.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::lab::Lab;
use crate::wire::Wire;

/// One command, sent over and over.
#[derive(Clone, Debug)]
pub struct Load {
    /// What its figure is called.
    pub label: &'static str,
    /// How often it is sent, in a full run.
    pub requests: u64,
    command: Vec<String>,
    clients: u32,
    pipeline: u32,
}

/// The word in a command that becomes twelve random digits.
const RANDOM: &str = "__rand_int__";

impl Load {
    /// `command` from fifty connections without a pipeline; `__rand_int__` in it becomes the digits of a random key.
    pub fn new<S: Into<String>>(label: &'static str, command: impl IntoIterator<Item = S>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { label, requests: 100_000, command, clients: 50, pipeline: 1 }
    }

    /// Sends `pipeline` requests before it waits for their replies.
    pub fn pipeline(self, pipeline: u32) -> Self {
        Self { pipeline, ..self }
    }

    /// Sends from `clients` connections; fewer, where replies are large.
    pub fn clients(self, clients: u32) -> Self {
        Self { clients, ..self }
    }

    /// Sends `requests` requests.
    pub fn requests(self, requests: u64) -> Self {
        Self { requests, ..self }
    }

    /// Sends `requests` of them to the server on `port`, whose keys are numbered up to `keys`.
    pub fn drive(&self, lab: &Lab, port: u16, requests: u64, keys: u64) -> Result<()> {
        let [port, requests, keys] = [u64::from(port), requests, keys].map(|number| number.to_string());
        let [clients, pipeline] = [self.clients, self.pipeline].map(|number| number.to_string());
        let output = Command::new(&lab.generator)
            .args(["-h", "127.0.0.1", "-p", &port, "-q", "-n", &requests, "-r", &keys, "-c", &clients, "-P", &pipeline])
            .args(&self.command)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("starting {}", lab.generator.display()))?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("the load generator failed: {}", complaint.trim().lines().last().unwrap_or("no reason given"));
        }
        Ok(())
    }

    /// Sends the command once: generators differ in what they make of error replies, so this finds out first.
    pub fn check(&self, port: u16) -> Result<()> {
        let command: Vec<_> = self.command.iter().map(|arg| arg.replace(RANDOM, "000000000000")).collect();
        Wire::connect(port)?.call(&command).with_context(|| format!("trying {}", self.label))?;
        Ok(())
    }
}
