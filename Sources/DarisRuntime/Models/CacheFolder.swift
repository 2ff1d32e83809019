import CDarisSystem
import Foundation
import Synchronization

/// Where built networks, stages and measured times are kept between runs: `$XDG_CACHE_HOME/daris`, or `~/.cache/daris`.
/// Everything in it can be deleted at any time.
public struct CacheFolder: Sendable {
    /// The folder's path.
    public let path: String
    /// Whether what it holds already is passed over, to be made and measured anew.
    public var isFresh: Bool
    private let madeHere = Entries()

    /// Entries made through this value and its copies, which are fresh.
    private final class Entries: Sendable {
        let names = Mutex<Set<String>>([])
    }

    /// The file of a folder entry that holds the fingerprints of its other files.
    private static let checksums = "checksums.json"

    /// The folder at `path`.
    public init(path: String, isFresh: Bool = false) {
        self.path = path
        self.isFresh = isFresh
    }

    /// The user's folder.
    public static func standard(isFresh: Bool = false) -> CacheFolder {
        let environment = ProcessInfo.processInfo.environment
        let base =
            if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") {
                folder
            } else {
                (environment["HOME"] ?? NSTemporaryDirectory()) + "/.cache"
            }
        return CacheFolder(path: base + "/daris", isFresh: isFresh)
    }

    /// The path of an entry.
    func path(_ entry: String) -> String { path + "/" + entry }

    /// Whether a folder entry is there with all its files as they were made, and may be used.
    func has(_ entry: String) -> Bool {
        let mayBeUsed = !isFresh || madeHere.names.withLock { $0.contains(entry) }
        guard mayBeUsed, let data = FileManager.default.contents(atPath: path(entry) + "/" + Self.checksums),
            let expected = try? JSONDecoder().decode([String: String].self, from: data)
        else { return false }
        return expected.allSatisfy { name, sum in
            FileManager.default.contents(atPath: path(entry) + "/" + name).map(ContentHash.of) == sum
        }
    }

    /// Makes a folder entry: `body` fills a folder of another name, which then takes the entry's place at once, so that
    /// nobody ever sees half of it.
    ///
    /// If somebody else has made the same entry meanwhile, theirs stays, since they may be using it: read what is there.
    /// A fresh cache replaces it all the same.
    func make(_ entry: String, _ body: (String) throws -> Void) throws(PreparationError) {
        let target = path(entry)
        let work = target + ".\(UUID().uuidString).part"
        let files = FileManager.default
        defer { try? files.removeItem(atPath: work) }
        do {
            try files.createDirectory(atPath: work, withIntermediateDirectories: true)
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

    /// Removes what makers of entries left behind that were killed: folders that nobody has filled for an hour.
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

    /// Writes down the fingerprints of all files of a folder.
    private func seal(_ folder: String) throws {
        var sums: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            sums[name] = ContentHash.of(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
        }
        try JSONEncoder().encode(sums).write(to: URL(fileURLWithPath: folder + "/" + Self.checksums))
    }

    /// A decoded JSON entry, or `nil` if there is none that can be read.
    func read<Value: Decodable>(_ entry: String, as type: Value.Type) -> Value? {
        guard !isFresh, let data = FileManager.default.contents(atPath: path(entry)) else { return nil }
        return try? JSONDecoder().decode(type, from: data)
    }

    /// Writes a JSON entry. A cache that cannot be written costs time at the next start and nothing else, so that is
    /// no error.
    func write<Value: Encodable>(_ value: Value, to entry: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(value) else { return }
        let target = URL(fileURLWithPath: path(entry))
        try? FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? data.write(to: target, options: .atomic)
    }
}
