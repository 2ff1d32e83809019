#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The bytes of a file, read with a limit, so that neither a device nor a huge file can fill the memory.
enum SourceFile {
    /// What a file is for: how large it may be, and what to say of it.
    struct Kind: Sendable {
        let limit: Int
        let name: String
        let advice: String

        /// A task set.
        static let taskSet = Kind(limit: Limits.fileBytes, name: "task set", advice: "name the YAML file in it")
        /// A trace of release times.
        static let trace = Kind(limit: Limits.traceBytes, name: "trace", advice: "name a file of release times")

        func tooLarge(file: String) -> ConfigurationError {
            ConfigurationError(
                file: file, message: "is larger than \(limit >> 20) MiB; a \(name) must be smaller")
        }
    }

    /// Reads a whole file.
    ///
    /// - Throws: An error without line and column if there is no such file, it is a folder, it may not be read, or it
    ///   is larger than its kind may be.
    static func bytes(path: String, kind: Kind) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path: path, kind: kind, code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path: path, kind: kind, code: errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= kind.limit else { throw kind.tooLarge(file: path) }
        }
    }

    private static func failure(path: String, kind: Kind, code: Int32) -> ConfigurationError {
        let message =
            switch code {
            case ENOENT, ENOTDIR: "there is no such file; check the path"
            case EISDIR: "is a folder; \(kind.advice)"
            case EACCES, EPERM: "may not be read; check its permissions"
            default: "cannot be read: \(String(cString: strerror(code)))"
            }
        return ConfigurationError(file: path, message: message)
    }
}

/// Paths relative to the folder of a task set's file.
enum SourceFolder {
    /// The folder of `source` with its final slash; empty if the file is in the working folder.
    static func of(_ source: String) -> String {
        guard let slash = source.lastIndex(of: "/") else { return "" }
        return String(source[...slash])
    }

    /// `path` as seen from the working folder, if it is written in the file `source`.
    static func resolve(_ path: String, in source: String) -> String {
        path.hasPrefix("/") ? path : of(source) + path
    }

    /// How `path` is to be written in the file `source`, so that `resolve` leads to the same file.
    ///
    /// - Parameter workingFolder: The folder `path` is relative to; asked for only where `path` lies outside the
    ///   folder of `source`, which makes the result absolute.
    static func relativize(_ path: String, to source: String, workingFolder: () -> String) -> String {
        let folder = of(source)
        if path.hasPrefix(folder), path.count > folder.count {
            let rest = String(path.dropFirst(folder.count))
            if !rest.hasPrefix("/") { return rest }
        }
        return path.hasPrefix("/") ? path : workingFolder() + "/" + path
    }
}
