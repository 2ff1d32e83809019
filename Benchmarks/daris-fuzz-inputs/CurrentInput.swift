import Foundation

/// The input that is being tried: it stays in a file if it ends the program.
struct CurrentInput {
    private let path: String
    private let file: Int32
    private let seconds: UInt32

    /// Limits the program's address space, and each input's time.
    init(path: String, seconds: UInt32, memoryMiB: Int) throws {
        self.path = path
        self.seconds = seconds
        file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path]) }
        var limit = rlimit(rlim_cur: rlim_t(memoryMiB) << 20, rlim_max: rlim_t(memoryMiB) << 20)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }

    /// Tries an input; the alarm that ends the program if it takes too long is not caught.
    func run(_ bytes: [UInt8], _ target: FuzzTarget) {
        guard bytes.withUnsafeBytes({ pwrite(file, $0.baseAddress, $0.count, 0) }) == bytes.count,
            ftruncate(file, off_t(bytes.count)) == 0
        else { fatalError("\(path) cannot be written") }
        alarm(seconds)
        target.run(bytes)
        alarm(0)
    }

    /// Removes the file: no input ended the program.
    func done() {
        close(file)
        unlink(path)
    }
}
