import Glibc

/// An open file that is closed when it is let go of.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes over an open file, or throws what a call said that was to open it: an error number, negative.
    init(_ number: Int32, _ subject: String) throws(DeviceError) {
        guard number >= 0 else { throw DeviceError("\(subject): \(String(cString: strerror(-number)))") }
        self.number = number
    }

    deinit { close(number) }
}
