import DarisCore
import DarisRuntime
import Foundation

/// The file that a command makes of a record: `-` is standard output. A file gets its name when it is whole, so that a
/// record that turns out to be wrong leaves an earlier file as it was.
struct OutputFile {
    private let path: String
    /// `nil` is standard output.
    private let file: AtomicFile?

    /// Opens a file for what is made of `record`, which it must not be.
    init(_ path: String, record: String) throws(Failure) {
        self.path = path
        guard path != "-" else {
            file = nil
            return
        }
        let target = Self.identity(path)
        guard target == nil || target != Self.identity(record) else {
            throw .usage("--output: \(path) is the record itself; give another name")
        }
        do { file = try AtomicFile(path) } catch { throw .unwritable(path, error) }
    }

    /// The name of an output for which none was given: that of the record with another ending.
    static func name(for record: String, ending: String) -> String {
        let url = URL(filePath: record)
        let base = url.pathExtension.isEmpty ? record : String(record.dropLast(url.pathExtension.count + 1))
        return "\(base).\(ending)"
    }

    /// Writes what `content` passes on, and says where to.
    func write(_ content: (@escaping ([UInt8]) throws -> Void) throws -> Void) throws {
        do {
            var size = 0
            try content { bytes in
                if let file {
                    try file.write(bytes)
                } else {
                    try FileHandle.standardOutput.write(contentsOf: Data(bytes))
                }
                size += bytes.count
            }
            guard let file else { return }
            try file.commit()
            try Terminal.print("written to \(path) (\(max(1, size / 1000)) kB)")
        } catch {
            file?.discard()
            switch error {
            case let failure as Failure: throw failure
            case let problem as RecordError: throw Failure.failed(problem)
            case let problem as AtomicFile.Problem: throw Failure.unwritable(path, problem)
            default: throw Failure(message: "cannot write \(path): \(error.localizedDescription)", exitCode: 1)
            }
        }
    }

    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        return stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }
}

extension Failure {
    /// A file that cannot be written: exit code 1.
    static func unwritable(_ path: String, _ problem: AtomicFile.Problem) -> Failure {
        Failure(message: "cannot write \(path): \(problem)", exitCode: 1)
    }
}
