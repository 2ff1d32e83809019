import DarisConfiguration
import DarisCore
import Foundation

/// A valid file that uses every feature, for tests that vary it.
let exampleText = """
    device: cpu
    partition: {contexts: 2, streams: 1, oversubscription: 1}
    models:
      resnet18: {builtin: resnet18, stages: 4}
      segment:  {file: models/unet.onnx, stages: auto}
    tasks:
      - {name: front, model: resnet18, rate: 20 Hz, priority: high}
      - {name: side,  model: segment, period: 100 ms, deadline: 80 ms, priority: low, count: 3, late: drop}
    load: 150 %          # optional
    run: {duration: 10 s, seed: 1}
    """

/// A file with one task, whose parts can be exchanged.
func text(
    top: String = "", model: String = "{builtin: resnet18}", task: String = "rate: 20 Hz, priority: high"
) -> String {
    """
    models:
      net: \(model)
    tasks:
      - {name: front, model: net, \(task)}
    \(top)
    """
}

/// What reading `text` as `t.yaml` says: the error, or nothing.
func complaint(_ text: String) -> String? {
    do throws(ConfigurationError) {
        _ = try TaskSet.parse(text, file: "t.yaml")
        return nil
    } catch {
        return error.description
    }
}

/// A small seeded generator (SplitMix64), the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A folder that is there as long as the test that made it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        // Letters alone, so that a test that exchanges digits leaves the path as it is.
        let letters = (0..<20).map { _ in String("abcdefghijklmnop".randomElement()!) }.joined()
        path = FileManager.default.temporaryDirectory.path + "/daris-" + letters
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        return "\(path)/\(name)"
    }
}
