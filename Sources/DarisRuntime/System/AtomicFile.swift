import Foundation
import Synchronization

/// A file that is written under another name beside it and takes its place when it is whole, so that an earlier one stays
/// as it was until then.
///
/// A link stays a link: the file it leads to is replaced. What is no plain file (a device, a pipe, standard output by
/// `/dev/stdout`) is written to as it is.
package final class AtomicFile: Sendable {
    /// Why a file cannot be written, in words that follow "cannot write FILE:".
    package struct Problem: Error, Sendable, CustomStringConvertible {
        package let description: String

        init(_ description: String) { self.description = description }
        init(_ code: Int32) { description = String(cString: strerror(code)) }
    }

    /// The name until the file is whole; `nil` where something is written to as it is.
    package let unfinished: String?
    private let target: String
    private let descriptor: Int32
    private let patience: Double?
    private let isOpen = Mutex(true)

    /// Opens a file for writing.
    ///
    /// - Parameter patience: the seconds after which a write gives up to a pipe that takes nothing; `nil` for never.
    package init(_ path: String, patience: Double? = nil) throws(Problem) {
        let place = try Place(path)
        target = place.target
        self.patience = patience
        unfinished = place.isPlain ? "\(target).part-\(getpid())" : nil
        let flags = unfinished == nil ? O_WRONLY | O_APPEND | O_NONBLOCK : O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
        descriptor = open(unfinished ?? target, flags | O_CLOEXEC | O_NOCTTY, 0o666)
        guard descriptor >= 0 else { throw Self.unopened(errno) }
        if let mode = place.mode { fchmod(descriptor, mode) }
    }

    deinit { discard() }

    /// Finds out whether a file can be written, without changing anything.
    package static func check(_ path: String) throws(Problem) {
        let place = try Place(path)
        if place.isPlain {
            _ = try AtomicFile(path)
        } else if access(place.target, W_OK) != 0 {
            throw unopened(errno)
        }
    }

    private static func unopened(_ code: Int32) -> Problem {
        let reason = String(cString: strerror(code))
        return Problem(
            code == ENXIO
                ? "nothing is at its other end; a pipe needs its reader first"
                : "\(reason); check that its folder exists and may be written")
    }

    /// Writes bytes at the end.
    package func write(_ bytes: some ContiguousBytes) throws(Problem) {
        let problem: Problem? = bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Foundation.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    var file = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard poll(&file, 1, patience.map { Int32($0 * 1_000) } ?? -1) != 0 else {
                        return Problem("what reads it has taken nothing for \(Int(patience ?? 0)) s")
                    }
                } else if errno != EINTR {
                    return Problem(errno)
                }
            }
            return nil
        }
        if let problem { throw problem }
    }

    /// Gives the file its name: it is whole.
    package func commit() throws(Problem) {
        precondition(end(), "a file is committed once")
        // A disk may say only now that it has no room.
        guard close(descriptor) == 0, unfinished.map({ rename($0, target) == 0 }) ?? true else {
            let problem = Problem(errno)
            if let unfinished { unlink(unfinished) }
            throw problem
        }
    }

    /// Closes a file that has not become whole.
    ///
    /// - Parameter keeping: whether what there is of it stays, under its other name.
    package func discard(keeping: Bool = false) {
        guard end() else { return }
        close(descriptor)
        if !keeping, let unfinished { unlink(unfinished) }
    }

    /// Whether it has not ended before.
    private func end() -> Bool {
        isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
    }
}

/// Where a name leads.
private struct Place {
    /// The file itself, behind links.
    var target: String
    /// Whether it is a plain file or none yet, and not one by which a program calls an open file of its own.
    var isPlain: Bool
    /// Permissions of the file that is there.
    var mode: mode_t?

    init(_ path: String) throws(AtomicFile.Problem) {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw .init("this is not a file name") }
        var target = path
        var status = stat()
        var links = 0
        while lstat(target, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
            links += 1
            guard links <= 40 else { throw .init(ELOOP) }
            let isOwn = target.hasPrefix("/proc/") || target.hasPrefix("/dev/fd/")
            guard !isOwn, let next = try? FileManager.default.destinationOfSymbolicLink(atPath: target) else {
                (self.target, isPlain) = (target, false)
                return
            }
            let folder = next.hasPrefix("/") ? "" : target.lastIndex(of: "/").map { target[...$0] } ?? ""
            target = folder + next
        }
        self.target = target
        guard stat(target, &status) == 0 else {
            isPlain = true
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            isPlain = true
            mode = status.st_mode & 0o7777
        case S_IFDIR: throw .init("it is a folder")
        default: isPlain = false
        }
    }
}
