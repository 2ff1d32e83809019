#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The bytes of a file, read with a limit, so that neither a device nor a huge file can fill the memory.
enum SourceFile {
    /// Reads a whole file.
    ///
    /// - Throws: An error without line and column if there is no such file, it is a folder, it may not be read, or it
    ///   is larger than `Limits.fileBytes`.
    static func bytes(path: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path: path, code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path: path, code: errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= Limits.fileBytes else { throw Document.tooLarge(file: path) }
        }
    }

    private static func failure(path: String, code: Int32) -> ConfigurationError {
        let message =
            switch code {
            case ENOENT, ENOTDIR: "there is no such file; check the path"
            case EISDIR: "is a folder; name the YAML file in it"
            case EACCES, EPERM: "may not be read; check its permissions"
            default: "cannot be read: \(String(cString: strerror(code)))"
            }
        return ConfigurationError(file: path, message: message)
    }
}
