//! A Kafka cluster in KRaft mode: one JVM per node, each with a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::ServicesError;
use crate::guard;
use crate::kernel;
use crate::process::{Patience, Process};
use crate::ready;
use crate::services::Options;
use crate::settings::{self, Node, Proxied};

/// Seconds on an idle machine. One with a queue of twenty processes a core has been seen to take two minutes.
const LIMIT: Duration = Duration::from_secs(300);

/// How to start the cluster; nodes can be stopped and started again and again, on the same ports and data.
#[derive(Debug)]
pub(crate) struct Cluster {
    plan: Plan,
    /// The nodes that were started and not stopped since, by their ids.
    running: BTreeMap<u32, Process>,
}

/// What does not change while a cluster lives.
#[derive(Debug)]
struct Plan {
    java: PathBuf,
    jars: PathBuf,
    folder: PathBuf,
    nodes: Vec<Node>,
    settings: Vec<(String, String)>,
    data: BTreeMap<u32, PathBuf>,
}

/// The names under which the nodes' ports are remembered.
pub(crate) fn port_names(options: &Options) -> impl Iterator<Item = String> {
    let nodes = (1..=options.nodes).flat_map(|id| [client_port(id), controller_port(id)]);
    let each = |id| (0..options.proxied_listeners).flat_map(move |number| proxied_ports(id, number));
    nodes.chain((1..=options.nodes).flat_map(each))
}

fn client_port(id: u32) -> String {
    format!("kafka-{id}")
}

fn controller_port(id: u32) -> String {
    format!("kafka-{id}.controller")
}

fn proxied_ports(id: u32, number: u32) -> [String; 2] {
    [format!("kafka-{id}.proxied-{number}"), format!("kafka-{id}.proxy-{number}")]
}

impl Cluster {
    /// A cluster that is not started yet, with its nodes' folders inside `folder`.
    pub(crate) fn new(
        java: &Path,
        jars: &Path,
        folder: &Path,
        options: &Options,
        ports: &BTreeMap<String, u16>,
    ) -> Cluster {
        let proxied = |id| {
            let pairs = (0..options.proxied_listeners).map(move |number| proxied_ports(id, number));
            let both = |[broker, proxy]: [String; 2]| {
                Some(Proxied { broker_port: *ports.get(&broker)?, proxy_port: *ports.get(&proxy)? })
            };
            pairs.filter_map(both).collect()
        };
        let node = |id| {
            let port = *ports.get(&client_port(id))?;
            let controller_port = *ports.get(&controller_port(id))?;
            Some(Node { id, port, controller_port, proxied: proxied(id) })
        };
        let plan = Plan {
            java: java.to_owned(),
            jars: jars.to_owned(),
            folder: folder.to_owned(),
            nodes: (1..=options.nodes).filter_map(node).collect(),
            settings: options.settings.clone(),
            data: options.data.clone(),
        };
        Cluster { plan, running: BTreeMap::new() }
    }

    /// Every node's address, separated by commas.
    pub(crate) fn bootstrap_servers(&self) -> String {
        let addresses: Vec<String> = self.plan.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// A node's listeners that advertise a proxy.
    pub(crate) fn proxied(&self, id: u32) -> &[Proxied] {
        self.plan.nodes.iter().find(|node| node.id == id).map_or(&[], |node| &node.proxied)
    }

    /// Starts every node that is down, lets paused ones go on, and waits until every partition has all its copies and
    /// the cluster commits transactions.
    pub(crate) fn start(&mut self, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let patience = Patience::new(LIMIT, cancelled);
        self.running.retain(|_, process| !process.has_ended());
        self.running.values_mut().for_each(Process::resume);
        let is_down = |node: &&Node| !self.running.contains_key(&node.id);
        let down: Vec<Node> = self.plan.nodes.iter().filter(is_down).cloned().collect();
        for node in &down {
            self.plan.prepare(node, &patience)?;
        }
        for node in &down {
            self.running.insert(node.id, self.plan.start(node)?);
        }
        self.wait_until_it_answers(&patience)
    }

    /// Starts one node and waits until it takes part, for which most nodes must be up.
    pub(crate) fn start_node(&mut self, id: u32, cancelled: &AtomicBool) -> Result<(), ServicesError> {
        let node = self.plan.node(id)?;
        let patience = Patience::new(LIMIT, cancelled);
        // A node that still runs would hold its port and its data.
        self.running.remove(&id);
        self.plan.prepare(node, &patience)?;
        let mut process = self.plan.start(node)?;
        let client = ready::client(&node.address())?;
        process.wait_until(&patience, || ready::lists_broker(&client, node.port, id))?;
        self.running.insert(id, process);
        Ok(())
    }

    /// The process of a node that was started and not stopped since.
    pub(crate) fn node(&mut self, id: u32) -> Result<&mut Process, ServicesError> {
        self.running.get_mut(&id).ok_or(ServicesError::NoNode { id })
    }

    /// Processes whose families the running nodes are of.
    pub(crate) fn kernel(&self) -> Vec<kernel::Process> {
        self.running.values().map(Process::kernel).collect()
    }

    /// Takes the process of a node, for its end.
    pub(crate) fn take_node(&mut self, id: u32) -> Result<Process, ServicesError> {
        self.running.remove(&id).ok_or(ServicesError::NoNode { id })
    }

    /// Asks every node to end; [`Cluster::finish`] waits for it.
    pub(crate) fn terminate(&mut self) {
        self.running.values_mut().for_each(Process::terminate);
    }

    /// Waits until every node has ended.
    pub(crate) fn finish(&mut self) {
        self.running.values_mut().for_each(Process::finish);
        self.running.clear();
    }

    /// Ends every node as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.running.values_mut().for_each(Process::kill);
        self.running.clear();
    }

    fn wait_until_it_answers(&mut self, patience: &Patience<'_>) -> Result<(), ServicesError> {
        let brokers = self.plan.nodes.len();
        for node in &self.plan.nodes {
            let client = ready::client(&node.address())?;
            let process = self.running.get_mut(&node.id).ok_or(ServicesError::NoNode { id: node.id })?;
            process.wait_until(patience, || ready::is_whole(&client, node.port, brokers))?;
        }
        let client = ready::transactional_client(&self.bootstrap_servers())?;
        match self.running.values_mut().next() {
            Some(process) => process.wait_until(patience, || ready::begins_transactions(&client)),
            None => Err(ServicesError::NoNodes),
        }
    }
}

impl Plan {
    fn node(&self, id: u32) -> Result<&Node, ServicesError> {
        self.nodes.iter().find(|node| node.id == id).ok_or(ServicesError::NoNode { id })
    }

    /// Writes the node's settings, and formats its data folder the first time.
    fn prepare(&self, node: &Node, patience: &Patience<'_>) -> Result<(), ServicesError> {
        let own = self.node_folder(node).join("data");
        let data = self.data.get(&node.id).map_or(own.as_path(), PathBuf::as_path);
        for folder in [&own, data] {
            fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
        }
        let mut properties = settings::server_properties(node, &self.nodes, &data.to_string_lossy());
        // The last line about a setting counts.
        properties.extend(self.settings.iter().map(|(name, value)| format!("{name}={value}\n")));
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

    fn start(&self, node: &Node) -> Result<Process, ServicesError> {
        let mut command = self.java(node, "kafka.Kafka", settings::jvm_flags(self.nodes.len()));
        command.arg(self.properties(node));
        Process::start(&name(node), command, &self.log(node))
    }

    fn java(&self, node: &Node, class: &str, flags: &[&str]) -> Command {
        let mut command = guard::process();
        command.arg(&self.java).args(flags).args(settings::scratch_flags(&self.folder));
        command.arg(format!("-Dlog4j2.configurationFile={}", self.log4j(node).display()));
        command.arg("-cp").arg(self.jars.join("*")).arg(class);
        command
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
