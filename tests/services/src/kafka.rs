//! A Kafka cluster in KRaft mode: one JVM per node, each with a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::ServicesError;
use crate::guard;
use crate::process::{Patience, Process};
use crate::ready;
use crate::settings::{self, Node};

/// A loaded machine has been seen to take twenty seconds.
const LIMIT: Duration = Duration::from_secs(90);

/// How to start the cluster; it can be started again and again, on the same ports and data.
#[derive(Debug)]
pub(crate) struct Cluster {
    java: PathBuf,
    jars: PathBuf,
    folder: PathBuf,
    nodes: Vec<Node>,
    processes: Vec<Process>,
}

/// The names under which the nodes' ports are remembered.
pub(crate) fn port_names(nodes: u32) -> impl Iterator<Item = String> {
    (1..=nodes).flat_map(|id| [client_port(id), controller_port(id)])
}

fn client_port(id: u32) -> String {
    format!("kafka-{id}")
}

fn controller_port(id: u32) -> String {
    format!("kafka-{id}.controller")
}

impl Cluster {
    /// A cluster that is not started yet, with its nodes' folders inside `folder`.
    pub(crate) fn new(
        java: &Path,
        jars: &Path,
        folder: &Path,
        nodes: u32,
        ports: &BTreeMap<String, u16>,
    ) -> Cluster {
        let node = |id| {
            let port = *ports.get(&client_port(id))?;
            Some(Node { id, port, controller_port: *ports.get(&controller_port(id))? })
        };
        Cluster {
            java: java.to_owned(),
            jars: jars.to_owned(),
            folder: folder.to_owned(),
            nodes: (1..=nodes).filter_map(node).collect(),
            processes: Vec::new(),
        }
    }

    /// Every node's address, separated by commas.
    pub(crate) fn bootstrap_servers(&self) -> String {
        let addresses: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        addresses.join(",")
    }

    /// Starts every node and waits until the cluster commits transactions.
    pub(crate) fn start(&mut self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let patience = Patience::new(LIMIT, cancelled);
        for node in &self.nodes {
            self.prepare(node, &patience)?;
        }
        self.processes.clear();
        for node in &self.nodes {
            let process = Process::start(&name(node), self.broker(node), &self.log(node))?;
            self.processes.push(process);
        }
        self.wait_until_it_answers(&patience)
    }

    /// Asks every node to end; [`Cluster::finish`] waits for it.
    pub(crate) fn terminate(&mut self) {
        self.processes.iter_mut().for_each(Process::terminate);
    }

    /// Waits until every node has ended.
    pub(crate) fn finish(&mut self) {
        self.processes.iter_mut().for_each(Process::finish);
        self.processes.clear();
    }

    /// Ends every node as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.processes.iter_mut().for_each(Process::kill);
        self.processes.clear();
    }

    /// Writes the node's settings, and formats its data folder the first time.
    fn prepare(&self, node: &Node, patience: &Patience<'_>) -> Result<(), ServicesError> {
        let data = self.node_folder(node).join("data");
        fs::create_dir_all(&data).map_err(ServicesError::file("create", &data))?;
        let properties = settings::server_properties(node, &self.nodes, &data.to_string_lossy());
        for (path, text) in
            [(self.properties(node), properties.as_str()), (self.log4j(node), settings::LOG4J)]
        {
            fs::write(&path, text).map_err(ServicesError::file("write", &path))?;
        }
        if data.join("meta.properties").exists() {
            return Ok(());
        }
        let mut format = self.java(node, "kafka.tools.StorageTool", &settings::QUICK_JVM);
        format.args(["format", "--ignore-formatted", "-t", settings::CLUSTER_ID, "-c"]);
        format.arg(self.properties(node));
        Process::start("kafka's storage tool", format, &self.log(node))?.complete(patience)
    }

    fn broker(&self, node: &Node) -> Command {
        let mut command = self.java(node, "kafka.Kafka", settings::jvm_flags(self.nodes.len()));
        command.arg(self.properties(node));
        command
    }

    fn java(&self, node: &Node, class: &str, flags: &[&str]) -> Command {
        let mut command = guard::jvm();
        command.arg(&self.java).args(flags).args(settings::scratch_flags(&self.folder));
        command.arg(format!("-Dlog4j2.configurationFile={}", self.log4j(node).display()));
        command.arg("-cp").arg(self.jars.join("*")).arg(class);
        command
    }

    fn wait_until_it_answers(&mut self, patience: &Patience<'_>) -> Result<(), ServicesError> {
        let brokers = self.nodes.len();
        for (node, process) in self.nodes.iter().zip(&mut self.processes) {
            let client = ready::client(&format!("127.0.0.1:{}", node.port))?;
            process.wait_until(patience, || ready::lists_brokers(&client, node.port, brokers))?;
        }
        let client = ready::transactional_client(&self.bootstrap_servers())?;
        match self.processes.first_mut() {
            Some(process) => process.wait_until(patience, || ready::begins_transactions(&client)),
            None => Err(ServicesError::NoNodes),
        }
    }

    fn node_folder(&self, node: &Node) -> PathBuf {
        self.folder.join(client_port(node.id))
    }

    fn properties(&self, node: &Node) -> PathBuf {
        self.node_folder(node).join("server.properties")
    }

    fn log4j(&self, node: &Node) -> PathBuf {
        self.node_folder(node).join("log4j2.properties")
    }

    fn log(&self, node: &Node) -> PathBuf {
        self.folder.join(format!("kafka-{}.log", node.id))
    }
}

fn name(node: &Node) -> String {
    format!("kafka node {}", node.id)
}
