import Glibc

/// The users who may have written a file or folder, by its owner and permissions.
package struct FileOwnership: Sendable {
    private let owner: UInt32
    private let group: UInt32
    private let mode: UInt32

    /// The ownership of the file at `path`, or `nil` if there is none.
    ///
    /// - Parameter followsLink: Whether to follow a symbolic link.
    package init?(path: String, followsLink: Bool = true) {
        var facts = stat()
        guard (followsLink ? stat(path, &facts) : lstat(path, &facts)) == 0 else { return nil }
        self.init(facts)
    }

    /// The ownership of an open file, or `nil` if it is not open.
    package init?(descriptor: Int32) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return nil }
        self.init(facts)
    }

    private init(_ facts: stat) {
        owner = facts.st_uid
        group = facts.st_gid
        mode = facts.st_mode
    }

    /// Whether it is a folder.
    package var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    /// Whether it is a regular file.
    package var isFile: Bool { mode & S_IFMT == S_IFREG }
    /// Whether it is a symbolic link itself.
    package var isLink: Bool { mode & S_IFMT == S_IFLNK }

    /// Why another user may have made the link, in words that follow its path; `nil` if none may. The mode of a link
    /// means nothing.
    package var linkProblem: String? {
        owner == geteuid() || owner == 0 ? nil : "is a link of another user (number \(owner))"
    }

    /// Why users other than this process's may have written it, in words that follow its path; `nil` if none may.
    ///
    /// A group with the owner's number counts as the owner's own, since most systems make one for each user.
    ///
    /// - Parameter trustsRoot: Whether it may belong to the system's administrator.
    package func problem(trustsRoot: Bool) -> String? {
        guard owner == geteuid() || (trustsRoot && owner == 0) else {
            return "belongs to another user (number \(owner))"
        }
        guard mode & S_IWOTH == 0 else { return "may be written by every user" }
        guard mode & S_IWGRP == 0 || group == owner else { return "may be written by the group with number \(group)" }
        return nil
    }
}
