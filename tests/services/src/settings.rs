//! What a Kafka node is told: its `server.properties`, its log settings and the flags of its JVM.
//!
//! Small on purpose: few partitions for Kafka's own topics and no wait before a group's first assignment.

use std::ffi::OsString;
use std::path::Path;

/// One node of a cluster in which every node is broker and controller.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: u32,
    /// For clients.
    pub(crate) port: u16,
    /// For the other controllers.
    pub(crate) controller_port: u16,
    /// For clients that come through a proxy.
    pub(crate) proxied: Vec<Proxied>,
}

/// A listener that tells its clients another port than its own: that of the proxy before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// Where the broker listens.
    pub broker_port: u16,
    /// Where the broker says that it listens: the proxy must be there before the first client.
    pub proxy_port: u16,
}

impl Node {
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// The same for every cluster, which spares a start of the tool that would draw one: the 16 bytes
/// `mirrorbus-tests!` in the base64 that Kafka wants.
pub(crate) const CLUSTER_ID: &str = "bWlycm9yYnVzLXRlc3RzIQ";

/// Root WARN to the console: a healthy start prints a few lines.
pub(crate) const LOG4J: &str = "\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1}: %m%n
";

/// The contents of `server.properties` for one node, with its data in `data`.
pub(crate) fn server_properties(node: &Node, all: &[Node], data: &str) -> String {
    let voters: Vec<String> =
        all.iter().map(|node| format!("{}@127.0.0.1:{}", node.id, node.controller_port)).collect();
    let voters = voters.join(",");
    let replicas = all.len().min(3);
    let in_sync = replicas.div_ceil(2);
    let Node { id, port, controller_port, proxied } = node;
    let each = |text: fn(usize, &Proxied) -> String| {
        proxied.iter().enumerate().map(|(number, proxied)| text(number, proxied)).collect::<String>()
    };
    let listeners = each(|number, to| format!(",PROXIED{number}://127.0.0.1:{}", to.broker_port));
    let advertised = each(|number, to| format!(",PROXIED{number}://127.0.0.1:{}", to.proxy_port));
    let protocols = each(|number, _| format!(",PROXIED{number}:PLAINTEXT"));
    format!(
        "\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
log.dirs={data}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.threads=1
"
    )
}

/// For what is never measured, and ends or has little to do: half the work of starting is the thorough compiler's.
pub(crate) const QUICK_JVM: [&str; 2] = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Keeps what JVMs and their libraries leave behind, even after `kill -9`, inside the folder.
pub(crate) fn scratch_flags(folder: &Path) -> [OsString; 3] {
    let mut temporary = OsString::from("-Djava.io.tmpdir=");
    temporary.push(folder.join(SCRATCH));
    // A full disk under a mapped file ends a JVM, which would tell of it in the folder where it was started.
    let mut last_words = OsString::from("-XX:ErrorFile=");
    last_words.push(folder.join(SCRATCH).join("jvm-error-%p.log"));
    [temporary, last_words, "-XX:-UsePerfData".into()]
}

/// The folder of temporary files, emptied at every start.
pub(crate) const SCRATCH: &str = "scratch";

/// Memory and compiler flags. Several nodes share a machine: less memory each, and only the quick compiler,
/// which makes such a cluster wrong for benchmarks.
pub(crate) fn jvm_flags(nodes: usize) -> &'static [&'static str] {
    match nodes {
        1 => &["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC"],
        _ => &["-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u32) -> Vec<Node> {
        let node =
            |id| Node { id, port: 9000 + id as u16, controller_port: 9100 + id as u16, proxied: Vec::new() };
        (1..=count).map(node).collect()
    }

    #[test]
    fn one_node_replicates_to_nobody() {
        let nodes = nodes(1);
        let text = server_properties(&nodes[0], &nodes, "/data");
        assert!(text.contains("\ncontroller.quorum.voters=1@127.0.0.1:9101\n"));
        assert!(text.contains("\ntransaction.state.log.replication.factor=1\n"));
        assert!(text.contains("\ntransaction.state.log.min.isr=1\n"));
    }

    #[test]
    fn three_nodes_keep_three_copies_and_wait_for_two() {
        let nodes = nodes(3);
        let text = server_properties(&nodes[2], &nodes, "/data");
        assert!(text.contains("\nnode.id=3\n"));
        assert!(text.contains("=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103\n"));
        assert!(text.contains("\noffsets.topic.replication.factor=3\n"));
        assert!(text.contains("\ntransaction.state.log.min.isr=2\n"));
    }

    #[test]
    fn a_proxied_listener_advertises_the_proxy() {
        let mut nodes = nodes(1);
        nodes[0].proxied = vec![Proxied { broker_port: 9201, proxy_port: 9301 }];
        let text = server_properties(&nodes[0], &nodes, "/data");
        assert!(text.contains(",CONTROLLER://127.0.0.1:9101,PROXIED0://127.0.0.1:9201\n"), "{text}");
        assert!(text.contains("=PLAINTEXT://127.0.0.1:9001,PROXIED0://127.0.0.1:9301\n"), "{text}");
        assert!(text.contains(",CONTROLLER:PLAINTEXT,PROXIED0:PLAINTEXT\n"), "{text}");
    }
}
