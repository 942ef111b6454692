//! MMC: commands, sense, profiles, and the transports that carry them to a drive.
