import DarisCore
import DarisRuntime
import Foundation

/// The file that a command makes from a record; `-` is standard output. A file gets its name when it is complete, so an
/// invalid record does not damage an earlier file.
struct OutputFile {
    private let path: String
    /// `nil` is standard output.
    private let file: AtomicFile?

    /// Opens a file for the output of `record`. It must not be the record itself.
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

    /// The default name of an output: the record's name with another ending.
    static func name(for record: String, ending: String) -> String {
        let url = URL(filePath: record)
        let base = url.pathExtension.isEmpty ? record : String(record.dropLast(url.pathExtension.count + 1))
        return "\(base).\(ending)"
    }

    /// Writes what `content` passes on, and prints the path.
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

/// A folder that a command writes its files to.
enum OutputFolder {
    /// Creates the folder and its parents. Returns whether it did not exist before.
    static func make(_ path: String) throws(Failure) -> Bool {
        guard !path.isEmpty else { throw Failure.usage("--output: a folder needs a name") }
        var isNew = false
        for end in path.indices where path[end] == "/" && end > path.startIndex {
            try makeOne(String(path[..<end]), &isNew)
        }
        try makeOne(path, &isNew)
        guard access(path, W_OK | X_OK) == 0 else { throw failure(path, errno) }
        return isNew
    }

    private static func makeOne(_ path: String, _ isNew: inout Bool) throws(Failure) {
        isNew = mkdir(path, 0o777) == 0
        guard !isNew else { return }
        let code = errno
        var isFolder = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard exists else { throw failure(path, code) }
        guard isFolder else { throw failure(path, ENOTDIR) }
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        Failure(message: "cannot write to the folder \(path): \(String(cString: strerror(code)))", exitCode: 1)
    }
}

extension OutputFolder {
    /// Writes a file into a folder, which is created if missing.
    static func write(_ data: Data, to path: String) throws(Failure) {
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { _ = try make(String(path[..<slash])) }
        do throws(AtomicFile.Problem) {
            let file = try AtomicFile(path)
            try file.write(data)
            try file.commit()
        } catch {
            throw .unwritable(path, error)
        }
    }
}
