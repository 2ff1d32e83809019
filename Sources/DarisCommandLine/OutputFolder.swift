import DarisRuntime
import Foundation

/// A folder that a command writes its files to.
enum OutputFolder {
    /// Makes the folder and those above it; returns whether it was not there before.
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
    /// Writes a file into a folder, which is made if need be.
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
