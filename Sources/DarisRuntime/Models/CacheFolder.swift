import CDarisSystem
import Foundation
import ONNXRuntime
import Synchronization

/// Where built networks, stages and measured times are kept between runs: `$XDG_CACHE_HOME/daris`, or `~/.cache/daris`.
/// Everything in it can be deleted at any time.
///
/// What others than this process's user own or may write in it is as if it were not there.
package struct CacheFolder: Sendable {
    /// The folder's path.
    package let path: String
    /// Whether what it holds already is passed over, to be made and measured anew.
    package var isFresh: Bool
    /// Why nothing is kept between runs, if nothing is.
    package let notice: String?
    private let madeHere = Entries()

    /// Entries made through this value and its copies, which are fresh.
    private final class Entries: Sendable {
        let names = Mutex<Set<String>>([])
    }

    /// The file of a folder entry that holds the fingerprints of its other files.
    private static let checksums = "checksums.json"

    /// The folder at `path`.
    package init(path: String, isFresh: Bool = false) { self.init(path: path, isFresh: isFresh, notice: nil) }

    private init(path: String, isFresh: Bool, notice: String?) {
        self.path = path
        self.isFresh = isFresh
        self.notice = notice
    }

    /// The user's folder; without one that can be trusted, a private one that ends with the process, with a notice.
    package static func standard(isFresh: Bool = false) -> CacheFolder {
        standard(isFresh: isFresh, environment: ProcessInfo.processInfo.environment)
    }

    static func standard(isFresh: Bool, environment: [String: String]) -> CacheFolder {
        func folder(_ variable: String) -> String? { environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let base = folder("XDG_CACHE_HOME") ?? folder("HOME").map { $0 + "/.cache" }
        let reason: String
        if let base {
            let path = base + "/daris"
            guard let problem = problem(withFolder: path) else { return CacheFolder(path: path, isFresh: isFresh) }
            reason = "\(path) \(problem)"
        } else {
            reason = "neither XDG_CACHE_HOME nor HOME names a folder"
        }
        return CacheFolder(
            path: PrivateFolder.path, isFresh: isFresh,
            notice: "nothing measured or cut is kept for the next start: \(reason); set XDG_CACHE_HOME to a folder of "
                + "your own")
    }

    /// Why a folder must not be used, in words that follow its path; `nil` if it may, or if there is none.
    ///
    /// A link to it must be the user's or the administrator's, as a service's cache is.
    private static func problem(withFolder path: String) -> String? {
        guard let own = FileOwnership(path: path, followsLink: false) else { return nil }
        if own.isFolder { return own.problem(trustsRoot: false) }
        guard own.isLink, let target = FileOwnership(path: path), target.isFolder else { return "is no folder" }
        return own.linkProblem ?? target.problem(trustsRoot: false)
    }

    /// Whether an entry's folder, and each one above it in the cache, is this user's alone.
    private func isTrusted(_ folder: String) -> Bool {
        guard FileOwnership(path: path)?.isFolder == true, Self.problem(withFolder: path) == nil else { return false }
        var current = path
        for part in folder.split(separator: "/") {
            current += "/" + part
            guard let facts = FileOwnership(path: current, followsLink: false), facts.isFolder,
                facts.problem(trustsRoot: false) == nil
            else { return false }
        }
        return true
    }

    /// The path of an entry.
    func path(_ entry: String) -> String { path + "/" + entry }

    /// Whether a folder entry is there with all its files as they were made and no others, and may be used.
    func has(_ entry: String) -> Bool { files(of: entry) != nil }

    /// The names of the files of a folder entry, if it is there and may be used.
    func files(of entry: String) -> Set<String>? {
        let mayBeUsed = !isFresh || madeHere.names.withLock { $0.contains(entry) }
        guard mayBeUsed, isTrusted(entry), let data = Self.content(path(entry) + "/" + Self.checksums),
            let expected = try? JSONDecoder().decode([String: String].self, from: data),
            let found = try? FileManager.default.contentsOfDirectory(atPath: path(entry)),
            Set(found) == Set(expected.keys).union([Self.checksums])
        else { return nil }
        let isWhole = expected.allSatisfy { name, sum in
            Self.content(path(entry) + "/" + name).map(ContentHash.of) == sum
        }
        return isWhole ? Set(expected.keys) : nil
    }

    /// The bytes of a file that no other user may have written; never those of one that a link names.
    private static func content(_ path: String) -> Data? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return nil }
        let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        guard let facts = FileOwnership(descriptor: file), facts.isFile, facts.problem(trustsRoot: false) == nil else {
            return nil
        }
        return try? handle.readToEnd() ?? Data()
    }

    /// Makes the folder, for this user alone, and those above it.
    private func makeFolder() throws {
        if let problem = Self.problem(withFolder: path) { throw Untrusted(reason: "\(path) \(problem)") }
        let files = FileManager.default
        guard !files.fileExists(atPath: path) else { return }
        try files.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    private struct Untrusted: LocalizedError {
        let reason: String
        var errorDescription: String? { reason }
    }

    /// Makes a folder entry: `body` fills a folder of another name, which then takes the entry's place at once, so that
    /// no reader ever sees half of it.
    ///
    /// If another process has made the same entry meanwhile, that one stays, since it may be in use: read what is there.
    /// A fresh cache replaces it all the same.
    func make(_ entry: String, _ body: (String) throws -> Void) throws(PreparationError) {
        let target = path(entry)
        let work = target + ".\(UUID().uuidString).part"
        let files = FileManager.default
        defer { try? files.removeItem(atPath: work) }
        do {
            try makeFolder()
            try files.createDirectory(
                atPath: work, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try body(work)
            try seal(work)
            let lock = daris_lock_file(path(".lock"))
            defer { daris_unlock_file(lock) }
            if !has(entry) {
                try? files.removeItem(atPath: target)
                try files.moveItem(atPath: work, toPath: target)
            }
        } catch let error as PreparationError {
            throw error
        } catch {
            throw .cache(path: target, reason: PreparationError.text(of: error))
        }
        madeHere.names.withLock { _ = $0.insert(entry) }
    }

    /// Removes what makers of entries left behind that were killed: folders that have not been filled for an hour.
    func removeAbandoned() {
        let files = FileManager.default
        for kind in (try? files.contentsOfDirectory(atPath: path)) ?? [] {
            for name in (try? files.contentsOfDirectory(atPath: path(kind))) ?? [] where name.hasSuffix(".part") {
                let part = path(kind) + "/" + name
                let changed = try? files.attributesOfItem(atPath: part)[.modificationDate] as? Date
                if let changed, changed.timeIntervalSinceNow < -3_600 { try? files.removeItem(atPath: part) }
            }
        }
    }

    /// The path of a folder that a library reads and writes by itself, made for this user alone.
    ///
    /// - Throws: if it cannot be made, or others may write in it: what it holds is run.
    func workFolder(_ entry: String) throws(PreparationError) -> String {
        do {
            try makeFolder()
            try FileManager.default.createDirectory(
                atPath: path(entry), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .cache(path: path(entry), reason: PreparationError.text(of: error))
        }
        guard isTrusted(entry) else {
            throw .cache(path: path(entry), reason: "another user owns it or may write in it")
        }
        return path(entry)
    }

    /// Removes an entry, if everything is to be made anew.
    func removeIfFresh(_ entry: String) {
        if isFresh { try? FileManager.default.removeItem(atPath: path(entry)) }
    }

    /// Writes down the fingerprints of all files of a folder, and keeps the files for this user.
    private func seal(_ folder: String) throws {
        let files = FileManager.default
        var sums: [String: String] = [:]
        for name in try files.contentsOfDirectory(atPath: folder) {
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder + "/" + name)
            sums[name] = ContentHash.of(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
        }
        let list = folder + "/" + Self.checksums
        try JSONEncoder().encode(sums).write(to: URL(fileURLWithPath: list))
        try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: list)
    }

    /// A decoded JSON entry, or `nil` if there is none that can be read.
    func read<Value: Decodable>(_ entry: String, as type: Value.Type) -> Value? {
        let folder = entry.split(separator: "/").dropLast().joined(separator: "/")
        guard !isFresh, isTrusted(folder), let data = Self.content(path(entry)) else { return nil }
        return try? JSONDecoder().decode(type, from: data)
    }

    /// Writes a JSON entry. A cache that cannot be written costs time at the next start and nothing else, so that is
    /// no error.
    func write<Value: Encodable>(_ value: Value, to entry: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(value), (try? makeFolder()) != nil else { return }
        let files = FileManager.default
        let folder = URL(fileURLWithPath: path(entry)).deletingLastPathComponent().path
        try? files.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // A file of another name takes its place at once, and whatever was there, a link too, is gone.
        let part = path(entry) + ".\(UUID().uuidString).part"
        guard files.createFile(atPath: part, contents: data, attributes: [.posixPermissions: 0o600]) else { return }
        if rename(part, path(entry)) != 0 { unlink(part) }
    }
}

/// A folder for this process alone, made when it is first asked for and removed when the process ends.
private enum PrivateFolder {
    static let path: String = {
        var template = Array((NSTemporaryDirectory() + "/daris-XXXXXX").utf8CString)
        // Made with mode 700 under a name that cannot be foretold.
        guard mkdtemp(&template) != nil else { return "/dev/null" }
        atexit { try? FileManager.default.removeItem(atPath: PrivateFolder.path) }
        return template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "/dev/null" }
    }()
}

/// A 64-bit fingerprint of bytes (FNV-1a over words of eight bytes), to name cached files by. It tells models apart; it
/// does not protect from anybody who wants two of them to look alike.
struct ContentHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let words = bytes.count / 8
        for index in 0..<words {
            mix(bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        for index in words * 8..<bytes.count { mix(UInt64(bytes[index])) }
        mix(UInt64(bytes.count))
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    private mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01b3
        value ^= value >> 29
    }

    /// The fingerprint in 16 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func of(_ data: Data) -> String {
        var hash = ContentHash()
        data.withUnsafeBytes { hash.add($0) }
        return hash.text
    }

    static func of(_ parts: String...) -> String {
        var hash = ContentHash()
        for part in parts { hash.add(part) }
        return hash.text
    }
}
