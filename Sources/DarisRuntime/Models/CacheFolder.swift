import Foundation

/// Where built networks, stages and measured times are kept between runs: `$XDG_CACHE_HOME/daris`, or `~/.cache/daris`.
/// Everything in it can be deleted at any time.
public struct CacheFolder: Sendable {
    /// The folder's path.
    public let path: String
    /// Whether what it holds already is passed over, to be made and measured anew.
    public var isFresh: Bool

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

    /// Whether an entry is there and may be used.
    func has(_ entry: String) -> Bool { !isFresh && FileManager.default.fileExists(atPath: path(entry)) }

    /// Makes a folder entry: `body` fills a folder of another name, which then takes the entry's place at once, so that
    /// nobody ever sees half of it.
    func make(_ entry: String, _ body: (String) throws -> Void) throws(PreparationError) {
        let target = path(entry)
        let work = target + ".\(ProcessInfo.processInfo.processIdentifier).part"
        let files = FileManager.default
        do {
            try? files.removeItem(atPath: work)
            try files.createDirectory(atPath: work, withIntermediateDirectories: true)
            try body(work)
            try? files.removeItem(atPath: target)
            try files.moveItem(atPath: work, toPath: target)
        } catch {
            try? files.removeItem(atPath: work)
            if let error = error as? PreparationError { throw error }
            // Another process may have made the same entry meanwhile.
            if files.fileExists(atPath: target) { return }
            throw .cache(path: target, reason: PreparationError.text(of: error))
        }
    }

    /// A decoded JSON entry, or `nil` if there is none that can be read.
    func read<Value: Decodable>(_ entry: String, as type: Value.Type) -> Value? {
        guard has(entry), let data = FileManager.default.contents(atPath: path(entry)) else { return nil }
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
