/// Why NVML could not be opened or did not do what it was asked.
public struct NVMLError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The call that failed, by NVML's name for it; the library's path if it could not be opened.
    public var call: String
    /// NVML's number for the failure; 0 if the library could not be opened.
    public var number: Int
    /// What NVML, or the system, says of it.
    public var text: String

    /// A sentence that says what went wrong.
    public var description: String {
        number == 0
            ? "NVML's library cannot be used: \(text)"
            : "NVML's \(call) gave error \(number)\(text.isEmpty ? "" : " (\(text))")"
    }
}
