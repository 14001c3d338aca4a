//! Mails in a folder, and over a server of a few lines.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::journal::{Ending, Entry};

fn mails(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn a_failure_and_its_end_are_one_mail_each_to_the_technical_contact() {
    let folder = tempfile::tempdir().unwrap();
    let mut mailer = Mailer::to_folder(folder.path());
    for _ in 0..3 {
        mailer.tell(&Entry::failed_example(), "Tina Tech <tina@example.com>").unwrap();
    }
    mailer.tell(&Entry::example(), "tina@example.com").unwrap();
    let mails = mails(folder.path());
    assert_eq!(mails.len(), 2);
    let (failed, works) = (&mails[0], &mails[1]);
    for line in [
        "From: \"Operations Center\" <operations-center@localhost>",
        "To: \"Tina Tech\" <tina@example.com>",
        "Date: Thu, 01 Jan 2026 08:20:00 +0000",
        "Subject: Mirroring of Cust1 to Nord failed: RowData, refused",
        "Tenant:       Cust1",
        "Application:  Nord (abc)",
        "Call:         RowData",
        "Table:        contact",
        "Reason:       RowData of contact was refused by the receiver: disk full",
    ] {
        assert!(failed.lines().any(|found| found == line), "{line} not in {failed}");
    }
    assert!(works.contains("Subject: Mirroring of Cust1 to Nord works again"), "{works}");
    assert!(
        works.contains("Before it 3 failed, the first of them at\r\n2026-01-01T08:20:00.000Z"),
        "{works}"
    );
    let (counts, troubles) = mailer.close();
    assert_eq!(counts, MailCounts { mailed: 2, suppressed: 2, without_contact: 0 });
    assert!(troubles.is_empty());
}

#[test]
fn lines_end_as_rfc_5322_wants_and_foreign_letters_survive() {
    let mut entry = Entry::failed_example();
    let mut mail_of = |name: &str, reason: &str| {
        let folder = tempfile::tempdir().unwrap();
        entry.application_name = name.to_owned();
        entry.failure.as_mut().unwrap().reason = reason.to_owned();
        Mailer::to_folder(folder.path()).tell(&entry, "a@example.com").unwrap();
        let mail = mails(folder.path()).remove(0);
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("\r\nBcc:"), "{head}");
        assert!(mail.replace("\r\n", "").find(['\r', '\n']).is_none(), "{mail}");
        assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 998), "{mail}");
        (head.to_owned(), body.to_owned())
    };
    let (head, body) = mail_of("Nord", &"a long reason ".repeat(10));
    assert!(head.contains("Content-Transfer-Encoding: 7bit"), "{head}");
    assert!(body.contains(&"a long reason ".repeat(10)), "{body}");
    let (head, _) = mail_of("Größe\r\nBcc: evil@example.com", "größer");
    assert!(head.contains("Content-Transfer-Encoding: quoted-printable"), "{head}");
    let (head, _) = mail_of("Nord", &"雪".repeat(500));
    assert!(head.contains("Content-Transfer-Encoding: base64"), "{head}");
}

#[test]
fn without_a_contact_nobody_is_told_and_a_contact_without_address_gets_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut mailer = Mailer::to_folder(folder.path());
    mailer.tell(&Entry::failed_example(), " ").unwrap();
    assert!(mails(folder.path()).is_empty());
    let other = Entry { tenant: "Cust2".to_owned(), ..Entry::failed_example() };
    mailer.tell(&other, "Nils").unwrap();
    let mail = mails(folder.path()).remove(0);
    assert!(mail.contains("To: Nils <technical-contact@not-an-address.invalid>"), "{mail}");
    assert_eq!(mailer.close().0, MailCounts { mailed: 1, suppressed: 0, without_contact: 1 });
}

/// Takes `mails` mails and returns them.
fn server(mails: usize) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let thread =
        std::thread::spawn(move || (0..mails).map(|_| take_mail(&listener.accept().unwrap().0)).collect());
    (url, thread)
}

fn take_mail(mut stream: &std::net::TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines();
    let mut said = String::new();
    stream.write_all(b"220 test\r\n").unwrap();
    while let Some(Ok(line)) = lines.next() {
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n").unwrap();
                for line in lines.by_ref().map(Result::unwrap).take_while(|line| line != ".") {
                    said += &format!("{line}\n");
                }
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        said += &format!("{line}\n");
        if stream.write_all(answer).is_err() {
            break;
        }
    }
    said
}

#[test]
fn a_server_takes_the_mails_and_the_folder_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (url, server) = server(1);
    let mut mailer = Mailer::to_folder(folder.path()).over_smtp(&url).unwrap();
    mailer.tell(&Entry::failed_example(), "tina@example.com").unwrap();
    let (counts, troubles) = mailer.close();
    assert_eq!((counts.mailed, troubles), (1, vec![]));
    let said = server.join().unwrap().remove(0);
    assert!(said.contains("RCPT TO:<tina@example.com>") && said.contains("disk full"), "{said}");
    assert!(mails(folder.path()).is_empty());
}

#[test]
fn what_no_server_takes_is_in_the_folder_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut mailer = Mailer::to_folder(folder.path()).over_smtp(&url).unwrap();
    for tenant in ["Cust1", "Cust2"] {
        let entry = Entry { tenant: tenant.to_owned(), ..Entry::failed_example() };
        mailer.tell(&entry, "tina@example.com").unwrap();
    }
    let (_, troubles) = mailer.close();
    assert_eq!((troubles.len(), mails(folder.path()).len()), (2, 2), "{troubles:?}");
    assert!(troubles[0].starts_with("cannot send a mail, it is in "), "{troubles:?}");
}

#[test]
fn what_is_no_mail_server_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "localhost:25",
        "http://localhost",
        "smtps://localhost",
        "smtp://me:secret@localhost",
        "smtp://",
        "smtp://a:x",
    ] {
        let error = Mailer::to_folder(folder.path()).over_smtp(url).err().unwrap().to_string();
        assert!(error.contains("smtp://localhost:25") && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_stop_is_nothing_to_tell_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut mailer = Mailer::to_folder(folder.path());
    mailer.tell(&Entry { outcome: Ending::Stopped, ..Entry::example() }, "a@example.com").unwrap();
    assert_eq!(mailer.close().0, MailCounts::default());
}
