import DarisCore
import Foundation

/// The file that a command makes of a record: `-` is standard output. A file gets its name when it is whole, so that a
/// record that turns out to be wrong leaves an earlier file as it was.
struct OutputFile {
    private let path: String
    private let file: FileHandle
    /// What is renamed in the end; `nil` where something that is no plain file is written to as it is.
    private let unfinished: String?

    /// Opens a file for what is made of `record`, which it must not be.
    init(_ path: String, record: String) throws(Failure) {
        self.path = path
        guard path != "-" else {
            (file, unfinished) = (.standardOutput, nil)
            return
        }
        let (target, source) = (Self.identity(path), Self.identity(record))
        guard target == nil || target?.number != source?.number || target?.device != source?.device else {
            throw .usage("--output: \(path) is the record itself; give another name")
        }
        let isPlain = target?.isPlain ?? true
        let name = isPlain ? "\(path).part-\(ProcessInfo.processInfo.processIdentifier)" : path
        guard !isPlain || FileManager.default.createFile(atPath: name, contents: nil),
            let file = FileHandle(forWritingAtPath: name)
        else {
            throw Failure(
                message: "cannot write \(path); check that its folder exists and may be written", exitCode: 1)
        }
        self.file = file
        unfinished = isPlain ? name : nil
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
                try file.write(contentsOf: Data(bytes))
                size += bytes.count
            }
            guard path != "-" else { return }
            try file.close()
            if let unfinished, rename(unfinished, path) != 0 { throw CocoaError(.fileWriteUnknown) }
            try Terminal.print("written to \(path) (\(max(1, size / 1000)) kB)")
        } catch {
            if let unfinished { try? FileManager.default.removeItem(atPath: unfinished) }
            switch error {
            case let failure as Failure: throw failure
            case let problem as RecordError: throw Failure.failed(problem)
            default: throw Failure(message: "cannot write \(path): \(error.localizedDescription)", exitCode: 1)
            }
        }
    }

    private static func identity(_ path: String) -> (device: UInt64, number: UInt64, isPlain: Bool)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (UInt64(status.st_dev), UInt64(status.st_ino), status.st_mode & S_IFMT == S_IFREG)
    }
}
