internal import Foundation

/// A file open for reading. It must be a regular file, so that a directory, a pipe or a device given by mistake leads
/// to an error and not to a wait.
final class RegularFile {
    /// Why a file could not be read, in words that follow "cannot read FILE:".
    struct Failure: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
        init(errno code: Int32) { reason = String(cString: strerror(code)) }
    }

    let byteCount: Int
    private let descriptor: Int32

    /// Opens the file; fails if it is missing, not readable or not a regular file.
    init(path: String) throws(Failure) {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw Failure("this is not a file name") }
        // Without O_NONBLOCK, opening a pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw Failure(errno: code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is not a regular file")
        }
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Reads `count` bytes from `offset` on; fails if the file ends before.
    func read(offset: Int, count: Int) throws(Failure) -> Data {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
            throw Failure("it has \(byteCount) bytes, too few for \(count) from \(offset) on")
        }
        var data = Data(count: count)
        let failure: Failure? = data.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < count {
                let got = pread(
                    descriptor, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
                if got > 0 {
                    done += got
                } else if got == 0 {
                    return Failure("it became shorter while it was read")
                } else if errno != EINTR {
                    return Failure(errno: errno)
                }
            }
            return nil
        }
        if let failure { throw failure }
        return data
    }
}

extension RegularFile {
    /// Writes a file as a whole or not at all: into a new file in the same folder, which then takes its name. A link
    /// stays a link.
    static func save(_ bytes: [UInt8], path: String) throws(Failure) {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw Failure("this is not a file name") }
        // Renaming would replace a device, too.
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw Failure(status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is not a regular file")
        }
        var target = path
        if let real = realpath(path, nil) {
            target = String(cString: real)
            free(real)
        } else if lstat(path, &status) == 0 {
            throw Failure("it is a link that leads nowhere")
        }
        let partial = "\(target).\(UInt32.random(in: 0 ... .max)).partial"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        var failure: Failure? = bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let put = write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if put >= 0 {
                    done += put
                } else if errno != EINTR {
                    return Failure(errno: errno)
                }
            }
            return nil
        }
        if close(descriptor) != 0, failure == nil { failure = Failure(errno: errno) }
        if failure == nil, rename(partial, target) != 0 { failure = Failure(errno: errno) }
        if let failure {
            unlink(partial)
            throw failure
        }
    }
}
