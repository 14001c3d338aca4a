//! What `--help` says beside the options: examples, and the shapes of `-o json`.

use clap::Command;

const PROGRAM: &str = "PROGRAM";

const ALL: &str = "\
Options come from the command line, else from the environment, else from the file that --config or MIRROR_CONFIG names:

  kafka = \"localhost:9092\"
  registry = \"http://localhost:8081\"
  prefix = \"crm\"
  tables = [\"contact*\", \"person\"]
  [kafka-setting]
  \"security.protocol\" = \"SASL_SSL\"
  [kafka-setting-file]
  \"sasl.password\" = \"/run/secrets/kafka\"

Logs go to standard error, results to standard output; with -o json each result is one document on one line, and a
failure {\"error\": TEXT}.

Exit codes:
  0  done; with verify: everything is equal
  1  failed, or asked to stop before it was done
  2  options or the configuration file cannot be used
  3  verify found differences, or repair left some
  4  run ended because another mirror took over";

const RUN: &str = "\
Example:
  PROGRAM run --config mirror.toml --tenants 'Cust1*' --exclude-tables '*_history'

New tenants and tables are mirrored as they appear. A tenant that fails is set aside and tried again; the others go on.
Old copies that regenerate kept are thrown away at the start when --keep is over.
SIGTERM and SIGINT end it between two transactions, a second one at once.

-o json, at the end: {\"stopped\": true}";

const STATUS: &str = "\
Examples:
  PROGRAM status --config mirror.toml
  PROGRAM status --prefix crm --offline -o json

Lag counts offsets between what is applied and the end of what is committed; a few of them hold no record.

-o json: {\"tenants\": [{\"tenant\", \"caught_up\", \"lag_seconds\", \"last_cycle\": {\"id\", \"completed_ms\"}, \"tables\":
[{\"table\", \"state\", \"rows\", \"epoch\", \"lag_records\", \"partitions\": [{\"partition\", \"position\", \"end\"}]}]}]}
state is caught_up, behind, not_begun, other_topic, no_topic or unknown; null is what is not known.";

const VERIFY: &str = "\
Examples:
  PROGRAM verify --config mirror.toml
  PROGRAM verify --config mirror.toml --tenant Cust24709 --table contact --repair

Takes the mirror's rows and positions as they are at one moment, reads each topic from its beginning to exactly those
positions, and compares row counts, checksums and keys. The mirror may run meanwhile. Needs 56 to 112 bytes of memory per
row of the largest table, half as much again for moments, beside what librdkafka fetches ahead (64 MB; see its
queued.max.messages.kbytes). A topic is read once, and once or twice more where rows differ. Of rows that differ only the
keys are told.

--repair mends exactly those rows and compares again. Rows that the mirror itself wrote meanwhile are left alone.

-o json: {\"equal\", \"tenants\": [{\"tenant\", \"tables\": [{\"table\", \"copy\": {\"rows\", \"checksum\"}, \"topic\": {\"rows\",
\"checksum\"}, \"differences\": [{\"kind\", \"key\": {COLUMN: VALUE}}], \"undecided\", \"findings\": [{\"finding\", ...}],
\"repair\": {\"inserts\", \"updates\", \"deletes\", \"left_alone\"}, \"repaired\": [...]}]}]}
kind is missing, extra or changed; finding is no_topic, other_topic, position_outside, cut, columns, unreadable or
foreign_keys. With repair all is as it is afterwards, and repaired has what differed before.

Exit code 3 where a table differs or has a finding.";

const REGENERATE: &str = "\
Examples:
  PROGRAM regenerate Cust24709 --config mirror.toml
  PROGRAM regenerate Cust24709 --table contact --config mirror.toml --keep 12h

Needs Kafka and the registry; the vendor, the bridge and a running mirror are not needed and not disturbed. A new copy is
made beside the live one, checked as verify does it, and exchanged in one transaction once it has all that the live one
has: readers never see a table go back. The old copy is kept for --keep. Until the exchange nothing happens to the live
copy; killed or stopped, it leaves at most a copy beside, which the next one throws away.

-o json, a line each second {\"progress\": {\"percent\", \"rows\", \"rows_per_second\", \"seconds\", \"seconds_left\"}}, at the
end {\"regenerated\": {\"tenant\", \"tables\": {TABLE: ROWS}, \"seconds\", \"kept\", \"dropped\": [...]}}";

const CHECKSUM: &str = "\
Example:
  PROGRAM checksum --tenant Cust24709

Equal tables have equal checksums, whatever the order of their rows and whichever database holds them.

-o json: {\"tables\": [{\"tenant\", \"table\", \"rows\", \"checksum\"}]}";

/// Names the program and says what its verbs do.
pub(crate) fn explain(command: Command, name: &'static str, about: &'static str) -> Command {
    let mut command = command.name(name).bin_name(name).about(about).after_help(ALL);
    for (verb, text) in [
        ("run", RUN),
        ("status", STATUS),
        ("verify", VERIFY),
        ("regenerate", REGENERATE),
        ("checksum", CHECKSUM),
    ] {
        let text = text.replace(PROGRAM, name);
        command = command.mut_subcommand(verb, |verb| verb.after_help(text));
    }
    command
}
