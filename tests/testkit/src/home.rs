//! The directory of a fleet: daemon configurations, manifests, scripts.

use anyhow::Result;
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where everything of a fleet lies.
pub(crate) struct Home {
    pub(crate) directory: PathBuf,
}

impl Home {
    pub(crate) fn host(&self, host: &str) -> PathBuf {
        self.directory.join(host)
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.directory.join("dr")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("controller.sock")
    }

    /// `api` is the configuration of the API over the network.
    pub(crate) fn write_controller(&self, listen: SocketAddr, api: &str) -> Result<PathBuf> {
        fs::create_dir_all(self.manifests())?;
        let text = format!(
            "apiVersion: standin/v1alpha1
kind: ControllerConfig
spec:
  stateDirectory: {0}/controller
  socket: {0}/controller.sock
  agentListen: {listen}
  api: {api}
",
            self.directory.display()
        );
        self.write("controller.yaml", &text)
    }

    pub(crate) fn write_agent(&self, host: &str, controller: SocketAddr, listen: SocketAddr) -> Result<PathBuf> {
        for part in ["roots", "scripts"] {
            fs::create_dir_all(self.host(host).join(part))?;
        }
        let text = format!(
            "apiVersion: standin/v1alpha1
kind: AgentConfig
spec:
  host: {host}
  controller: {controller}
  stateDirectory: {0}/state
  scriptsDirectory: {0}/scripts
  listen: {listen}
",
            self.host(host).display()
        );
        self.write(&format!("{host}/agent.yaml"), &text)
    }

    /// A manifest of the hosts and the addresses at which they reach each other.
    pub(crate) fn write_hosts(&self, hosts: &[(String, SocketAddr)]) -> Result<PathBuf> {
        let host = |(name, address): &(String, SocketAddr)| {
            format!(
                "apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: {name}\nspec:\n  replicationAddress: {address}\n"
            )
        };
        let texts: Vec<String> = hosts.iter().map(host).collect();
        self.write("dr/hosts.yaml", &texts.join("---\n"))
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(file);
        fs::write(&path, text)?;
        Ok(path)
    }

    pub(crate) fn write_script(&self, host: &str, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.write(&format!("{host}/scripts/{name}"), text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}

/// Ends services that scripts have started here and that outlive their agent, as they should: every process whose
/// command line or working directory lies below this directory, which bears a random name of ours.
pub(crate) fn end_processes_of(directory: &Path) {
    let Ok(processes) = fs::read_dir("/proc") else { return };
    let text = directory.to_string_lossy().into_owned();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let works_here = fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        let is_ours = works_here || String::from_utf8_lossy(&command).contains(&text);
        if is_ours
            && pid != std::process::id() as i32
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL); // it may just have ended
        }
    }
}
