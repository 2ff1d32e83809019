import DarisSimulator
import Foundation

/// The folder that a check writes to. Each file is replaced atomically, so a reader never finds half of one, neither
/// during the check nor after it was killed.
package struct ResultsFolder: Sendable {
    /// The folder's path.
    package let path: String

    /// A file could not be written.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// What failed and why.
        package let description: String
    }

    /// The file of the stage times, for `daris calibrate`.
    package static let profile = "profile.json"

    /// The folder, which is created if missing.
    package init(path: String) throws(Failure) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Failure(description: "cannot make the folder \(path): \(error.localizedDescription)")
        }
    }

    /// Writes the results as JSON and as Markdown, and the plots.
    package func write(_ results: CheckResults) throws(Failure) {
        try write(Self.encoded(results), to: "results.json")
        let report = CheckReport(results)
        try write(Data(report.markdown.utf8), to: "results.md")
        for (name, picture) in report.pictures { try write(Data(picture.utf8), to: name) }
    }

    /// Writes the stage times.
    package func write(_ profile: GPUProfile) throws(Failure) { try write(Self.encoded(profile), to: Self.profile) }

    private func write(_ data: Data, to name: String) throws(Failure) {
        do { try data.write(to: URL(fileURLWithPath: path + "/" + name), options: .atomic) } catch {
            throw Failure(description: "cannot write \(path)/\(name): \(error.localizedDescription)")
        }
    }

    /// A value in the form of these files.
    package static func encoded(_ value: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return try encoder.encode(value) + Data("\n".utf8) } catch {
            preconditionFailure("a result has a number that JSON cannot say: \(error)")
        }
    }
}
