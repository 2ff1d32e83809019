import Daris
import Foundation

/// A folder of its own for a test, removed with what is in it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/daris-face-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file.
    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    /// A task set's file.
    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    /// Options that keep what is built in this folder.
    var options: InferenceSystem.Options {
        var options = InferenceSystem.Options()
        options.cacheFolder = path + "/cache"
        return options
    }
}
