//! The files of the demo: manifests, daemon configurations and the two scripts of each host.

use std::{fs, io, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path};

/// The scenario's name, which the tour types to confirm.
pub const SCENARIO: &str = "shop";
/// The replica's name.
pub const REPLICA: &str = "twin";
/// The primary's host and the replica's.
pub const HOSTS: [&str; 2] = ["mx1", "mx2"];

/// Writes `dr/hosts.yaml` and `dr/shop.yaml`. The hosts are reached through relays.
pub fn write_manifests(town: &Path, relays: [SocketAddr; 2]) -> io::Result<()> {
    let directory = town.join("dr");
    fs::create_dir_all(&directory)?;
    let host = |(name, relay): (&str, SocketAddr)| {
        format!(
            "apiVersion: standin/v1alpha1\nkind: Host\nmetadata:\n  name: {name}\nspec:\n  replicationAddress: {relay}\n"
        )
    };
    let hosts: Vec<String> = HOSTS.into_iter().zip(relays).map(host).collect();
    fs::write(directory.join("hosts.yaml"), hosts.join("---\n"))?;
    fs::write(directory.join("shop.yaml"), scenario(town))
}

fn scenario(town: &Path) -> String {
    let [first, second] = HOSTS.map(|host| town.join(host).display().to_string());
    format!(
        "# A small shop on mx1, with mx2 ready to take over.
apiVersion: standin/v1alpha1
kind: Scenario
metadata:
  name: {SCENARIO}
spec:
  description: A small shop and its stand-in
  primary:
    host: mx1
    roots:
      - {{name: orders, path: {first}/orders, exclude: [\"*.new\"]}}
    spool:
      directory: {first}/spool
      maxSize: 2GiB
      minDiskFree: 1MiB
  replicas:
    - name: {REPLICA}
      host: mx2
      roots:
        - {{name: orders, path: {second}/orders}}
      spool:
        directory: {second}/spool
        maxSize: 2GiB
        minDiskFree: 1MiB
  replication:
    # Whatever holds the town holds these; what a file system cannot hold would halt the replica.
    preserve: [ownership, permissions, timestamps]
  monitoring:
    interval: 2s
    timeout: 10s
    checks:
      - {{name: shop, exec: {{command: [shop, check]}}}}
  services:
    commands:
      - {{name: shop, start: [shop, start], stop: [shop, stop], check: [shop, check]}}
  redirection:
    - name: forwarder
      script: {{command: [forward], check: [forward, --check], timeout: 10s}}
  switchover:
    guards: {{maxLag: 10s}}
"
    )
}

/// Writes the controller's configuration.
pub fn write_controller_config(town: &Path) -> io::Result<()> {
    let text = format!(
        "apiVersion: standin/v1alpha1
kind: ControllerConfig
spec:
  stateDirectory: {0}/controller
  socket: {0}/controller.sock
  agentListen: 127.0.0.1:0
  api: {{enabled: false}}
",
        town.display()
    );
    fs::write(town.join("controller.yaml"), text)
}

/// Writes a host's directories, scripts and agent configuration.
pub fn write_host(town: &Path, host: &str, controller: &str, standin: &Path) -> io::Result<()> {
    let home = town.join(host);
    for part in ["orders", "scripts"] {
        fs::create_dir_all(home.join(part))?;
    }
    let config = format!(
        "apiVersion: standin/v1alpha1
kind: AgentConfig
spec:
  host: {host}
  controller: {controller}
  stateDirectory: {0}/state
  scriptsDirectory: {0}/scripts
  listen: 127.0.0.1:0
",
        home.display()
    );
    fs::write(home.join("agent.yaml"), config)?;
    let shop = format!("#!/bin/sh\nexec '{}' demo part \"shop-$1\" '{}'\n", standin.display(), home.display());
    write_script(&home.join("scripts/shop"), &shop)?;
    write_script(&home.join("scripts/forward"), &forward(town))
}

/// Sends the shop's clients to the active host, and refuses an epoch older than one it has obeyed.
fn forward(town: &Path) -> String {
    format!(
        "#!/bin/sh
set -eu
file='{}/forward'
epoch=0 host=none
[ ! -e \"$file\" ] || read -r epoch host < \"$file\"
if [ \"${{1:-}}\" = --check ]; then [ \"$host\" = \"$STANDIN_ACTIVE_HOST\" ]; exit; fi
if [ \"$STANDIN_EPOCH\" -lt \"$epoch\" ]; then echo \"epoch $STANDIN_EPOCH is older than $epoch\" >&2; exit 3; fi
echo \"$STANDIN_EPOCH $STANDIN_ACTIVE_HOST\" > \"$file.new\"
mv \"$file.new\" \"$file\"
",
        town.display()
    )
}

fn write_script(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
